package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"

	"github.com/fcstack/fcstack/platform/backend/coordination"
	"github.com/fcstack/fcstack/platform/backend/coordination/etcd"
	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/backend/metadata/sqlstore"
	"github.com/fcstack/fcstack/platform/backend/objectstore"
	"github.com/fcstack/fcstack/platform/backend/objectstore/dir"
)

// Backends are chosen once, here, by URL. A URL holds no secret, because it gets logged.

func openMetadata(ctx context.Context, u *url.URL, key []byte) (metadata.Store, error) {
	if u.Scheme == "sqlite" {
		return sqlstore.OpenSQLite(ctx, u.Path, sqlstore.Options{Key: key})
	}
	return nil, fmt.Errorf("metadata: unknown scheme %q", u.Scheme)
}

func openCoordination(ctx context.Context, u *url.URL, log *slog.Logger) (coordination.Service, error) {
	if u.Scheme == "embed" {
		return etcd.Embed(ctx, u.Path, etcd.Options{Log: log})
	}
	return nil, fmt.Errorf("coordination: unknown scheme %q", u.Scheme)
}

func openObjects(u *url.URL) (objectstore.Store, error) {
	if u.Scheme == "dir" {
		return dir.Open(u.Path)
	}
	return nil, fmt.Errorf("objects: unknown scheme %q", u.Scheme)
}
