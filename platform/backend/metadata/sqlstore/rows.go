package sqlstore

import (
	"encoding/json"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/fc"
)

// A row has a column for what is searched by, the object as JSON beside it, and what
// must not lie around in clear in secret.

type functionRow struct {
	bun.BaseModel `bun:"table:functions,alias:r"`

	Account  string `bun:",pk"`
	Name     string `bun:",pk"`
	Revision int64
	Object   string
	Secret   []byte // environment variables, JSON
}

type triggerRow struct {
	bun.BaseModel `bun:"table:triggers,alias:r"`

	Account   string `bun:",pk"`
	Function  string `bun:"function_name,pk"`
	Name      string `bun:",pk"`
	Subdomain string `bun:",nullzero"` // NULL may repeat in a unique column
	Revision  int64
	Object    string
}

type accountRow struct {
	bun.BaseModel `bun:"table:accounts,alias:r"`

	ID     string `bun:",pk"`
	Object string
}

type accessKeyRow struct {
	bun.BaseModel `bun:"table:access_keys,alias:r"`

	ID       string `bun:",pk"`
	Account  string
	Revision int64
	Object   string
	Secret   []byte
}

type changeRow struct {
	bun.BaseModel `bun:"table:changes,alias:r"`

	Revision int64 `bun:",pk,autoincrement"`
	Kind     metadata.Kind
	Account  string
	Function string `bun:"function_name"`
	Name     string
}

type settingRow struct {
	bun.BaseModel `bun:"table:settings,alias:r"`

	Name  string `bun:",pk"`
	Value []byte
}

func (c codec) functionRow(f *fc.Function) (*functionRow, error) {
	open := *f
	open.Env = nil
	object, err := encode(&open)
	if err != nil {
		return nil, err
	}
	row := &functionRow{Account: f.Account, Name: f.Name, Revision: f.Revision, Object: object}
	if len(f.Env) > 0 {
		env, err := json.Marshal(f.Env)
		if err != nil {
			return nil, err
		}
		row.Secret = c.seal(env, functionOwner(f.Account, f.Name))
	}
	return row, nil
}

func (c codec) function(row *functionRow) (*fc.Function, error) {
	f := new(fc.Function)
	if err := decode(row.Object, f); err != nil {
		return nil, fmt.Errorf("function %s/%s: %w", row.Account, row.Name, err)
	}
	f.Revision = row.Revision
	if row.Secret == nil {
		return f, nil
	}
	env, err := c.open(row.Secret, functionOwner(row.Account, row.Name))
	if err != nil {
		return nil, err
	}
	return f, decode(string(env), &f.Env)
}

func functionOwner(account, name string) string { return "function " + account + "/" + name }

func newTriggerRow(t *fc.Trigger) (*triggerRow, error) {
	object, err := encode(t)
	return &triggerRow{
		Account: t.Account, Function: t.Function, Name: t.Name,
		Subdomain: t.Subdomain, Revision: t.Revision, Object: object,
	}, err
}

func (row *triggerRow) trigger() (*fc.Trigger, error) {
	t := new(fc.Trigger)
	if err := decode(row.Object, t); err != nil {
		return nil, fmt.Errorf("trigger %s of %s/%s: %w", row.Name, row.Account, row.Function, err)
	}
	t.Revision = row.Revision
	return t, nil
}

func (c codec) accessKeyRow(k *fc.AccessKey) (*accessKeyRow, error) {
	open := *k
	open.Secret = ""
	object, err := encode(&open)
	return &accessKeyRow{
		ID: k.ID, Account: k.Account, Revision: k.Revision, Object: object,
		Secret: c.seal([]byte(k.Secret), "access key "+k.ID),
	}, err
}

func (c codec) accessKey(row *accessKeyRow) (*fc.AccessKey, error) {
	k := new(fc.AccessKey)
	if err := decode(row.Object, k); err != nil {
		return nil, fmt.Errorf("access key %s: %w", row.ID, err)
	}
	secret, err := c.open(row.Secret, "access key "+row.ID)
	if err != nil {
		return nil, err
	}
	k.Secret, k.Revision = string(secret), row.Revision
	return k, nil
}
