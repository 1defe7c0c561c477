// Package metadata is the contract of the store that keeps what must last: accounts,
// keys, functions, triggers. Every change is one transaction together with its row in
// the change log; publishing the change is left to view.
package metadata

import (
	"context"

	"github.com/fcstack/fcstack/platform/fc"
)

// Store is the whole of it. All methods are safe for concurrent use. Objects given in
// are not kept, objects handed out are the caller's. An error without a kind of fc
// means that the outcome is not known (the database may be down).
type Store interface {
	Functions
	Triggers
	Accounts
	Changes

	// Ping tells whether the store answers.
	Ping(ctx context.Context) error
	Close() error
}

// Functions keeps functions. Create and Update set Revision on what they are given or
// return.
type Functions interface {
	// CreateFunction: fc.ErrFunctionExists.
	CreateFunction(ctx context.Context, f *fc.Function) error

	// Function: fc.ErrFunctionNotFound.
	Function(ctx context.Context, account, name string) (*fc.Function, error)

	// UpdateFunction reads, applies change and writes in one transaction, so that two
	// concurrent updates both take effect. change may run more than once; its error
	// ends the update and is returned as it is. fc.ErrFunctionNotFound.
	UpdateFunction(ctx context.Context, account, name string, change func(*fc.Function) error) (*fc.Function, error)

	// DeleteFunction removes a function and its triggers. fc.ErrFunctionNotFound.
	DeleteFunction(ctx context.Context, account, name string) error

	// ListFunctions lists by name, ascending in byte order.
	ListFunctions(ctx context.Context, q Query) ([]*fc.Function, error)
}

// Query selects a page of a list: names that begin with Prefix and are greater than
// After, at most Limit of them (0: all).
type Query struct {
	Account string // "": every account (ordered by account, then name; After is ignored)
	Prefix  string
	After   string
	Limit   int
}

// Triggers keeps the triggers of functions.
type Triggers interface {
	// CreateTrigger: fc.ErrFunctionNotFound, fc.ErrTriggerExists, fc.ErrConflict if the
	// subdomain is taken.
	CreateTrigger(ctx context.Context, t *fc.Trigger) error

	// Trigger: fc.ErrFunctionNotFound, fc.ErrTriggerNotFound.
	Trigger(ctx context.Context, account, function, name string) (*fc.Trigger, error)

	// UpdateTrigger is to triggers what UpdateFunction is to functions.
	UpdateTrigger(ctx context.Context, account, function, name string, change func(*fc.Trigger) error) (*fc.Trigger, error)

	// DeleteTrigger: fc.ErrFunctionNotFound, fc.ErrTriggerNotFound.
	DeleteTrigger(ctx context.Context, account, function, name string) error

	// ListTriggers lists the triggers of a function by name; function "" means all of
	// the account's, account "" all there are. fc.ErrFunctionNotFound for a named one.
	ListTriggers(ctx context.Context, function string, q Query) ([]*fc.Trigger, error)
}

// Accounts keeps accounts and their access keys.
type Accounts interface {
	// CreateAccount: fc.ErrExists.
	CreateAccount(ctx context.Context, a *fc.Account) error
	ListAccounts(ctx context.Context) ([]*fc.Account, error)

	// CreateAccessKey: fc.ErrExists, fc.ErrNotFound if there is no such account.
	CreateAccessKey(ctx context.Context, k *fc.AccessKey) error

	// AccessKey: fc.ErrNotFound.
	AccessKey(ctx context.Context, id string) (*fc.AccessKey, error)
	ListAccessKeys(ctx context.Context, account string) ([]*fc.AccessKey, error) // "": all
}

// Changes is the log of changes, one row each, in the order of their revisions.
type Changes interface {
	// Revision is the revision of the last committed change; 0 in an empty store.
	Revision(ctx context.Context) (int64, error)

	// ListChanges lists changes with a revision above after, in order, at most limit.
	// A revision that is listed once is followed by no smaller new one.
	ListChanges(ctx context.Context, after int64, limit int) ([]Change, error)
}

// Kind says what a change is about.
type Kind string

// The kinds of objects that change.
const (
	FunctionChanged  Kind = "function"
	TriggerChanged   Kind = "trigger"
	AccessKeyChanged Kind = "accesskey"
)

// Change says that an object was made, changed or removed; read it to know which.
// Removing a function logs one change for each of its triggers as well.
type Change struct {
	Revision int64
	Kind     Kind
	Account  string
	Function string // of FunctionChanged and TriggerChanged
	Name     string // of the trigger or the id of the access key
}
