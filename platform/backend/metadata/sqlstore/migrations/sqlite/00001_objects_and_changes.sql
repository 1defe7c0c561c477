-- +goose Up
CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
);

CREATE TABLE accounts (
    id     TEXT NOT NULL PRIMARY KEY,
    object TEXT NOT NULL
);

CREATE TABLE access_keys (
    id       TEXT    NOT NULL PRIMARY KEY,
    account  TEXT    NOT NULL REFERENCES accounts (id),
    revision INTEGER NOT NULL,
    object   TEXT    NOT NULL,
    secret   BLOB
);
CREATE INDEX access_keys_by_account ON access_keys (account, id);

CREATE TABLE functions (
    account  TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    object   TEXT    NOT NULL,
    secret   BLOB,
    PRIMARY KEY (account, name)
);

CREATE TABLE triggers (
    account       TEXT    NOT NULL,
    function_name TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    subdomain     TEXT    UNIQUE,
    revision      INTEGER NOT NULL,
    object        TEXT    NOT NULL,
    PRIMARY KEY (account, function_name, name),
    FOREIGN KEY (account, function_name) REFERENCES functions (account, name)
);

CREATE TABLE changes (
    revision      INTEGER PRIMARY KEY AUTOINCREMENT,
    kind          TEXT NOT NULL,
    account       TEXT NOT NULL,
    function_name TEXT NOT NULL,
    name          TEXT NOT NULL
);
