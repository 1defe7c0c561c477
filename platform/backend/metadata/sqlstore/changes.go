package sqlstore

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/fcstack/fcstack/platform/backend/metadata"
)

// logChange adds a row to the change log and returns its revision. Transactions that
// write follow one another, so revisions are committed in their order.
func logChange(ctx context.Context, tx bun.IDB, c metadata.Change) (int64, error) {
	row := changeRow{Kind: c.Kind, Account: c.Account, Function: c.Function, Name: c.Name}
	_, err := tx.NewInsert().Model(&row).Exec(ctx)
	return row.Revision, failed(ctx, "log change", err)
}

// Revision is the revision of the last committed change.
func (s *Store) Revision(ctx context.Context) (int64, error) {
	var last int64
	err := s.read.NewSelect().Model((*changeRow)(nil)).
		ColumnExpr("COALESCE(MAX(r.revision), 0)").Scan(ctx, &last)
	return last, failed(ctx, "read revision", err)
}

// ListChanges lists the change log from after on.
func (s *Store) ListChanges(ctx context.Context, after int64, limit int) ([]metadata.Change, error) {
	var rows []changeRow
	q := s.read.NewSelect().Model(&rows).Where("r.revision > ?", after).Order("r.revision")
	if limit > 0 {
		q = q.Limit(int64(limit))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, failed(ctx, "list changes", err)
	}
	changes := make([]metadata.Change, len(rows))
	for i, r := range rows {
		changes[i] = metadata.Change{
			Revision: r.Revision, Kind: r.Kind, Account: r.Account, Function: r.Function, Name: r.Name,
		}
	}
	return changes, nil
}
