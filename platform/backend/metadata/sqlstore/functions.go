package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/fc"
)

// CreateFunction adds f and sets its revision.
func (s *Store) CreateFunction(ctx context.Context, f *fc.Function) error {
	if !storable(f.Account, f.Name) {
		return fmt.Errorf("name of function: %w", fc.ErrInvalid)
	}
	stored := *f
	err := s.writer.do(ctx, func(ctx context.Context, tx bun.IDB) error {
		switch found, err := hasFunction(ctx, tx, f.Account, f.Name); {
		case err != nil:
			return err
		case found:
			return fc.ErrFunctionExists
		}
		return s.writeFunction(ctx, tx, &stored, true)
	})
	if err == nil {
		f.Revision = stored.Revision
	}
	return err
}

// Function reads one function.
func (s *Store) Function(ctx context.Context, account, name string) (*fc.Function, error) {
	return s.readFunction(ctx, s.read, account, name)
}

// UpdateFunction changes a function in one transaction. A change of its account or
// name is fc.ErrInvalid.
func (s *Store) UpdateFunction(
	ctx context.Context, account, name string, change func(*fc.Function) error,
) (*fc.Function, error) {
	var f *fc.Function
	err := s.writer.do(ctx, func(ctx context.Context, tx bun.IDB) (err error) {
		if f, err = s.readFunction(ctx, tx, account, name); err != nil {
			return err
		}
		if err := change(f); err != nil {
			return err
		}
		if f.Account != account || f.Name != name {
			return fmt.Errorf("rename function: %w", fc.ErrInvalid)
		}
		return s.writeFunction(ctx, tx, f, false)
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// DeleteFunction removes a function with its triggers.
func (s *Store) DeleteFunction(ctx context.Context, account, name string) error {
	return s.writer.do(ctx, func(ctx context.Context, tx bun.IDB) error {
		if err := mustHaveFunction(ctx, tx, account, name); err != nil {
			return err
		}
		if err := deleteTriggers(ctx, tx, account, name); err != nil {
			return err
		}
		_, err := logChange(ctx, tx, metadata.Change{
			Kind: metadata.FunctionChanged, Account: account, Function: name,
		})
		if err != nil {
			return err
		}
		_, err = tx.NewDelete().Model(&functionRow{Account: account, Name: name}).WherePK().Exec(ctx)
		return failed(ctx, "delete function", err)
	})
}

// ListFunctions lists by name; of all accounts by account first.
func (s *Store) ListFunctions(ctx context.Context, q metadata.Query) ([]*fc.Function, error) {
	if !storable(q.Account, q.Prefix, q.After) {
		return nil, fmt.Errorf("query of functions: %w", fc.ErrInvalid)
	}
	var rows []functionRow
	list := s.read.NewSelect().Model(&rows).Order("r.account", "r.name")
	if q.Account != "" {
		list = list.Where("r.account = ?", q.Account)
	} else {
		q.After = ""
	}
	if err := page(list, q).Scan(ctx); err != nil {
		return nil, failed(ctx, "list functions", err)
	}
	functions := make([]*fc.Function, len(rows))
	for i := range rows {
		var err error
		if functions[i], err = s.codec.function(&rows[i]); err != nil {
			return nil, err
		}
	}
	return functions, nil
}

func hasFunction(ctx context.Context, db bun.IDB, account, name string) (bool, error) {
	if !storable(account, name) {
		return false, nil
	}
	found, err := db.NewSelect().Model(&functionRow{Account: account, Name: name}).WherePK().Exists(ctx)
	return found, failed(ctx, "look up function", err)
}

func mustHaveFunction(ctx context.Context, db bun.IDB, account, name string) error {
	found, err := hasFunction(ctx, db, account, name)
	if err == nil && !found {
		return fc.ErrFunctionNotFound
	}
	return err
}

func (s *Store) readFunction(ctx context.Context, db bun.IDB, account, name string) (*fc.Function, error) {
	if !storable(account, name) {
		return nil, fc.ErrFunctionNotFound
	}
	row := &functionRow{Account: account, Name: name}
	err := db.NewSelect().Model(row).WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fc.ErrFunctionNotFound
	}
	if err != nil {
		return nil, failed(ctx, "read function", err)
	}
	return s.codec.function(row)
}

// writeFunction logs the change, gives f its revision and writes the row.
func (s *Store) writeFunction(ctx context.Context, tx bun.IDB, f *fc.Function, isNew bool) error {
	revision, err := logChange(ctx, tx, metadata.Change{
		Kind: metadata.FunctionChanged, Account: f.Account, Function: f.Name,
	})
	if err != nil {
		return err
	}
	f.Revision = revision
	row, err := s.codec.functionRow(f)
	if err != nil {
		return err
	}
	return write(ctx, tx, row, isNew)
}

// write inserts row, or replaces the one with its primary key.
func write(ctx context.Context, tx bun.IDB, row any, isNew bool) error {
	var err error
	if isNew {
		_, err = tx.NewInsert().Model(row).Exec(ctx)
	} else {
		_, err = tx.NewUpdate().Model(row).WherePK().Exec(ctx)
	}
	return failed(ctx, "write row", err)
}
