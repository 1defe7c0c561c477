package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// readers is how many queries run beside the one writer.
const readers = 4

// OpenSQLite opens the store in file, which is made if it is not there.
//   - ErrNewer: a newer release has written the data; nothing was changed.
//   - ErrKey: the data was encrypted under another key.
func OpenSQLite(ctx context.Context, file string, o Options) (*Store, error) {
	c, err := newCodec(o.Key)
	if err != nil {
		return nil, err
	}
	file, err = filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	if err := makeFile(file); err != nil {
		return nil, fmt.Errorf("make database: %w", err)
	}
	s, err := connectSQLite(file, c)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", file, err)
	}
	if err := s.prepare(ctx, goose.DialectSQLite3, "migrations/sqlite"); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", file, err), s.Close())
	}
	return s, nil
}

// makeFile makes the database readable by its owner alone; SQLite gives the files it
// puts beside it the same mode.
func makeFile(file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func connectSQLite(file string, c codec) (*Store, error) {
	write, err := sql.Open("sqlite", dsn(file, "immediate"))
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", dsn(file, "deferred", "query_only(1)"))
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return &Store{
		codec:  c,
		read:   bun.NewDB(read, sqlitedialect.New()),
		writer: newWriter(bun.NewDB(write, sqlitedialect.New())),
	}, nil
}

func dsn(file, lock string, pragmas ...string) string {
	q := url.Values{"_txlock": {lock}, "_pragma": append([]string{
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
	}, pragmas...)}
	u := url.URL{Scheme: "file", Path: file, RawQuery: q.Encode()}
	return u.String()
}
