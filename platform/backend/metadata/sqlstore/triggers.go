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

// CreateTrigger adds t and sets its revision.
func (s *Store) CreateTrigger(ctx context.Context, t *fc.Trigger) error {
	if !storable(t.Account, t.Function, t.Name, t.Subdomain) {
		return fmt.Errorf("name of trigger: %w", fc.ErrInvalid)
	}
	stored := *t
	err := s.writer.do(ctx, func(ctx context.Context, tx bun.IDB) error {
		_, err := readTrigger(ctx, tx, t.Account, t.Function, t.Name)
		switch {
		case err == nil:
			return fc.ErrTriggerExists
		case !errors.Is(err, fc.ErrTriggerNotFound):
			return err
		}
		return writeTrigger(ctx, tx, &stored, true)
	})
	if err == nil {
		t.Revision = stored.Revision
	}
	return err
}

// Trigger reads one trigger.
func (s *Store) Trigger(ctx context.Context, account, function, name string) (*fc.Trigger, error) {
	return readTrigger(ctx, s.read, account, function, name)
}

// UpdateTrigger changes a trigger in one transaction. A change of its account, function
// or name is fc.ErrInvalid, a subdomain that is taken fc.ErrConflict.
func (s *Store) UpdateTrigger(
	ctx context.Context, account, function, name string, change func(*fc.Trigger) error,
) (*fc.Trigger, error) {
	var t *fc.Trigger
	err := s.writer.do(ctx, func(ctx context.Context, tx bun.IDB) (err error) {
		if t, err = readTrigger(ctx, tx, account, function, name); err != nil {
			return err
		}
		if err := change(t); err != nil {
			return err
		}
		if t.Account != account || t.Function != function || t.Name != name {
			return fmt.Errorf("rename trigger: %w", fc.ErrInvalid)
		}
		return writeTrigger(ctx, tx, t, false)
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// DeleteTrigger removes a trigger.
func (s *Store) DeleteTrigger(ctx context.Context, account, function, name string) error {
	return s.writer.do(ctx, func(ctx context.Context, tx bun.IDB) error {
		if _, err := readTrigger(ctx, tx, account, function, name); err != nil {
			return err
		}
		return deleteTrigger(ctx, tx, &triggerRow{Account: account, Function: function, Name: name})
	})
}

// ListTriggers lists by account, function and name. The name to begin after counts
// within one function only.
func (s *Store) ListTriggers(ctx context.Context, function string, q metadata.Query) ([]*fc.Trigger, error) {
	if !storable(function, q.Account, q.Prefix, q.After) {
		return nil, fmt.Errorf("query of triggers: %w", fc.ErrInvalid)
	}
	var rows []triggerRow
	list := s.read.NewSelect().Model(&rows).Order("r.account", "r.function_name", "r.name")
	if q.Account != "" || function != "" {
		list = list.Where("r.account = ?", q.Account)
	}
	if function != "" {
		list = list.Where("r.function_name = ?", function)
	} else {
		q.After = ""
	}
	if err := page(list, q).Scan(ctx); err != nil {
		return nil, failed(ctx, "list triggers", err)
	}
	if len(rows) == 0 && function != "" {
		if err := mustHaveFunction(ctx, s.read, q.Account, function); err != nil {
			return nil, err
		}
	}
	triggers := make([]*fc.Trigger, len(rows))
	for i := range rows {
		var err error
		if triggers[i], err = rows[i].trigger(); err != nil {
			return nil, err
		}
	}
	return triggers, nil
}

func readTrigger(ctx context.Context, db bun.IDB, account, function, name string) (*fc.Trigger, error) {
	if !storable(account, function, name) {
		return nil, fc.ErrTriggerNotFound
	}
	row := &triggerRow{Account: account, Function: function, Name: name}
	err := db.NewSelect().Model(row).WherePK().Scan(ctx)
	if err == nil {
		return row.trigger()
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return nil, failed(ctx, "read trigger", err)
	}
	if err := mustHaveFunction(ctx, db, account, function); err != nil {
		return nil, err
	}
	return nil, fc.ErrTriggerNotFound
}

// writeTrigger checks the subdomain, logs the change, gives t its revision and writes
// the row.
func writeTrigger(ctx context.Context, tx bun.IDB, t *fc.Trigger, isNew bool) error {
	if err := checkSubdomain(ctx, tx, t); err != nil {
		return err
	}
	revision, err := logChange(ctx, tx, triggerChange(t.Account, t.Function, t.Name))
	if err != nil {
		return err
	}
	t.Revision = revision
	row, err := newTriggerRow(t)
	if err != nil {
		return err
	}
	return write(ctx, tx, row, isNew)
}

func checkSubdomain(ctx context.Context, tx bun.IDB, t *fc.Trigger) error {
	if t.Subdomain == "" {
		return nil
	}
	taken, err := tx.NewSelect().Model((*triggerRow)(nil)).Where("r.subdomain = ?", t.Subdomain).
		Where("NOT (r.account = ? AND r.function_name = ? AND r.name = ?)", t.Account, t.Function, t.Name).
		Exists(ctx)
	if err != nil {
		return failed(ctx, "look up subdomain", err)
	}
	if taken {
		return fmt.Errorf("subdomain %q is taken: %w", t.Subdomain, fc.ErrConflict)
	}
	return nil
}

func deleteTriggers(ctx context.Context, tx bun.IDB, account, function string) error {
	var rows []triggerRow
	err := tx.NewSelect().Model(&rows).Where("r.account = ?", account).
		Where("r.function_name = ?", function).Order("r.name").Scan(ctx)
	if err != nil {
		return failed(ctx, "list triggers", err)
	}
	for i := range rows {
		if err := deleteTrigger(ctx, tx, &rows[i]); err != nil {
			return err
		}
	}
	return nil
}

func deleteTrigger(ctx context.Context, tx bun.IDB, row *triggerRow) error {
	if _, err := logChange(ctx, tx, triggerChange(row.Account, row.Function, row.Name)); err != nil {
		return err
	}
	_, err := tx.NewDelete().Model(row).WherePK().Exec(ctx)
	return failed(ctx, "delete trigger", err)
}

func triggerChange(account, function, name string) metadata.Change {
	return metadata.Change{Kind: metadata.TriggerChanged, Account: account, Function: function, Name: name}
}
