// Package sqlstore keeps metadata in a SQL database: objects as JSON beside the columns
// they are found by, and a row in the change log in the same transaction. One set of
// queries serves every dialect; who may change what is left to the callers.
package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/fc"
)

// Options are what Open needs besides the place of the data.
type Options struct {
	// Key encrypts environment variables and the secrets of access keys: 32 bytes for
	// AES-256-GCM. With nil they are kept in clear.
	Key []byte
}

// Store is a metadata.Store. A change function given to it must not write to the store
// itself: writes wait for one another.
type Store struct {
	codec  codec
	read   *bun.DB
	writer *writer
}

var _ metadata.Store = (*Store)(nil)

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return failed(ctx, "ping", s.read.PingContext(ctx))
}

// Close waits for running queries and closes the database.
func (s *Store) Close() error {
	return errors.Join(s.read.Close(), s.writer.close())
}

// failed says what was being done when the database failed. Nothing was changed then,
// so that the caller may try again; only a commit is of unknown outcome.
func failed(ctx context.Context, doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	}
	return fmt.Errorf("%s: %w: %w", doing, fc.ErrUnavailable, err)
}

// storable tells whether names can be in the database at all. Text there is UTF-8
// without NUL.
func storable(names ...string) bool {
	for _, name := range names {
		if !utf8.ValidString(name) || strings.IndexByte(name, 0) >= 0 {
			return false
		}
	}
	return true
}

// page narrows q to the names that query asks for.
func page(q *bun.SelectQuery, query metadata.Query) *bun.SelectQuery {
	if query.Prefix != "" {
		q = q.Where("r.name >= ?", query.Prefix)
		if end, ok := afterPrefix(query.Prefix); ok {
			q = q.Where("r.name < ?", end)
		}
	}
	if query.After != "" {
		q = q.Where("r.name > ?", query.After)
	}
	if query.Limit > 0 {
		q = q.Limit(int64(query.Limit))
	}
	return q
}

// afterPrefix is the smallest text above everything that begins with prefix; UTF-8
// keeps the order of code points. There is none if all of them are the last one.
func afterPrefix(prefix string) (string, bool) {
	runes := []rune(prefix)
	for i := len(runes) - 1; i >= 0; i-- {
		switch runes[i] {
		case utf8.MaxRune:
			continue
		case 0xD7FF: // surrogates follow, which are no characters
			runes[i] = 0xE000
		default:
			runes[i]++
		}
		return string(runes[:i+1]), true
	}
	return "", false
}
