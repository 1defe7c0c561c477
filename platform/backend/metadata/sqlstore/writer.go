package sqlstore

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"
)

// writer runs the transactions that change something.
type writer struct {
	db *bun.DB // one connection
}

// do runs work in a transaction and commits it if work returns nil. The error of work
// is returned as it is.
func (w *writer) do(ctx context.Context, work func(context.Context, bun.IDB) error) error {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return failed(ctx, "begin", err)
	}
	defer tx.Rollback()
	if err := work(ctx, tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (w *writer) close() error { return w.db.Close() }
