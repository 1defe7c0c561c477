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

// CreateAccount adds an account.
func (s *Store) CreateAccount(ctx context.Context, a *fc.Account) error {
	if !storable(a.ID) {
		return fmt.Errorf("id of account: %w", fc.ErrInvalid)
	}
	object, err := encode(a)
	if err != nil {
		return err
	}
	return s.writer.do(ctx, func(ctx context.Context, tx bun.IDB) error {
		row := &accountRow{ID: a.ID, Object: object}
		switch found, err := tx.NewSelect().Model(row).WherePK().Exists(ctx); {
		case err != nil:
			return failed(ctx, "look up account", err)
		case found:
			return fmt.Errorf("account %w", fc.ErrExists)
		}
		return write(ctx, tx, row, true)
	})
}

// ListAccounts lists by ID.
func (s *Store) ListAccounts(ctx context.Context) ([]*fc.Account, error) {
	var rows []accountRow
	if err := s.read.NewSelect().Model(&rows).Order("r.id").Scan(ctx); err != nil {
		return nil, failed(ctx, "list accounts", err)
	}
	accounts := make([]*fc.Account, len(rows))
	for i, row := range rows {
		accounts[i] = new(fc.Account)
		if err := decode(row.Object, accounts[i]); err != nil {
			return nil, fmt.Errorf("account %s: %w", row.ID, err)
		}
	}
	return accounts, nil
}

// CreateAccessKey adds k and sets its revision.
func (s *Store) CreateAccessKey(ctx context.Context, k *fc.AccessKey) error {
	if !storable(k.ID, k.Account) {
		return fmt.Errorf("id of access key: %w", fc.ErrInvalid)
	}
	stored := *k
	err := s.writer.do(ctx, func(ctx context.Context, tx bun.IDB) error {
		if err := checkNewKey(ctx, tx, k); err != nil {
			return err
		}
		revision, err := logChange(ctx, tx, metadata.Change{
			Kind: metadata.AccessKeyChanged, Account: k.Account, Name: k.ID,
		})
		if err != nil {
			return err
		}
		stored.Revision = revision
		row, err := s.codec.accessKeyRow(&stored)
		if err != nil {
			return err
		}
		return write(ctx, tx, row, true)
	})
	if err == nil {
		k.Revision = stored.Revision
	}
	return err
}

func checkNewKey(ctx context.Context, tx bun.IDB, k *fc.AccessKey) error {
	found, err := tx.NewSelect().Model(&accountRow{ID: k.Account}).WherePK().Exists(ctx)
	if err != nil {
		return failed(ctx, "look up account", err)
	}
	if !found {
		return fmt.Errorf("account %w", fc.ErrNotFound)
	}
	found, err = tx.NewSelect().Model(&accessKeyRow{ID: k.ID}).WherePK().Exists(ctx)
	if err != nil {
		return failed(ctx, "look up access key", err)
	}
	if found {
		return fmt.Errorf("access key %w", fc.ErrExists)
	}
	return nil
}

// AccessKey reads one key.
func (s *Store) AccessKey(ctx context.Context, id string) (*fc.AccessKey, error) {
	row := &accessKeyRow{ID: id}
	err := sql.ErrNoRows
	if storable(id) {
		err = s.read.NewSelect().Model(row).WherePK().Scan(ctx)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("access key %w", fc.ErrNotFound)
	}
	if err != nil {
		return nil, failed(ctx, "read access key", err)
	}
	return s.codec.accessKey(row)
}

// ListAccessKeys lists by ID; those of one account, or all.
func (s *Store) ListAccessKeys(ctx context.Context, account string) ([]*fc.AccessKey, error) {
	if !storable(account) {
		return nil, fmt.Errorf("query of access keys: %w", fc.ErrInvalid)
	}
	var rows []accessKeyRow
	list := s.read.NewSelect().Model(&rows).Order("r.id")
	if account != "" {
		list = list.Where("r.account = ?", account)
	}
	if err := list.Scan(ctx); err != nil {
		return nil, failed(ctx, "list access keys", err)
	}
	keys := make([]*fc.AccessKey, len(rows))
	for i := range rows {
		var err error
		if keys[i], err = s.codec.accessKey(&rows[i]); err != nil {
			return nil, err
		}
	}
	return keys, nil
}
