package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
)

// ErrNewer says that a newer release has written the data.
var ErrNewer = errors.New("data of a newer release")

//go:embed migrations
var migrations embed.FS

// prepare brings the schema up to what this binary knows and checks the key.
func (s *Store) prepare(ctx context.Context, dialect goose.Dialect, dir string) error {
	sources, err := fs.Sub(migrations, dir)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(dialect, s.writer.db.DB, sources, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	has, knows, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if has > knows {
		return fmt.Errorf("%w (schema %d, this one knows %d)", ErrNewer, has, knows)
	}
	if has < knows {
		if _, err := p.Up(ctx); err != nil {
			return fmt.Errorf("migrate schema %d to %d: %w", has, knows, err)
		}
	}
	return s.checkKey(ctx)
}

const keyCheck = "key check"

// checkKey compares the key with the one that the store was first used with, and
// remembers it if there was none.
func (s *Store) checkKey(ctx context.Context) error {
	row := settingRow{Name: keyCheck}
	err := s.read.NewSelect().Model(&row).WherePK().Scan(ctx)
	switch {
	case err == nil:
		plain, err := s.codec.open(row.Value, keyCheck)
		if err == nil && !bytes.Equal(plain, []byte(keyCheck)) {
			return ErrKey
		}
		return err
	case !errors.Is(err, sql.ErrNoRows):
		return failed(ctx, "read key check", err)
	case s.codec.aead == nil:
		return nil
	}
	return s.writer.do(ctx, func(ctx context.Context, tx bun.IDB) error {
		row.Value = s.codec.seal([]byte(keyCheck), keyCheck)
		_, err := tx.NewInsert().Model(&row).Exec(ctx)
		return failed(ctx, "write key check", err)
	})
}
