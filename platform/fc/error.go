package fc

import (
	"errors"
	"fmt"
)

// The kinds of failure. Wrap them with %w; ask with errors.Is.
var (
	ErrInvalid     = errors.New("invalid argument")
	ErrForbidden   = errors.New("forbidden")
	ErrNotFound    = errors.New("not found")
	ErrExists      = errors.New("already exists")
	ErrConflict    = errors.New("concurrent update")
	ErrDisabled    = errors.New("invocation is disabled")
	ErrTooLarge    = errors.New("too large")
	ErrUnsupported = errors.New("not supported")
	ErrUnavailable = errors.New("temporarily unavailable")

	ErrBusy       = errors.New("too many requests")
	ErrNoCapacity = errors.New("no capacity")
	ErrNotOwner   = errors.New("not the owner")
	ErrStale      = errors.New("version has been replaced")

	ErrGone        = errors.New("instance is gone")
	ErrSaturated   = errors.New("instance is at its concurrency")
	ErrAborted     = errors.New("answer broke off")
	ErrBadResponse = errors.New("bad response of the function")
	ErrNotStarted  = errors.New("function not started")

	ErrFunctionNotFound = fmt.Errorf("function %w", ErrNotFound)
	ErrFunctionExists   = fmt.Errorf("function %w", ErrExists)
	ErrTriggerNotFound  = fmt.Errorf("trigger %w", ErrNotFound)
	ErrTriggerExists    = fmt.Errorf("trigger %w", ErrExists)
	ErrVersionNotFound  = fmt.Errorf("version %w", ErrNotFound)
	ErrAliasNotFound    = fmt.Errorf("alias %w", ErrNotFound)
)

// codes lists the kinds with their stable words, the more particular ones first.
var codes = []struct {
	code string
	err  error
}{
	{"FunctionNotFound", ErrFunctionNotFound},
	{"FunctionExists", ErrFunctionExists},
	{"TriggerNotFound", ErrTriggerNotFound},
	{"TriggerExists", ErrTriggerExists},
	{"VersionNotFound", ErrVersionNotFound},
	{"AliasNotFound", ErrAliasNotFound},
	{"Invalid", ErrInvalid},
	{"Forbidden", ErrForbidden},
	{"NotFound", ErrNotFound},
	{"Exists", ErrExists},
	{"Conflict", ErrConflict},
	{"Disabled", ErrDisabled},
	{"TooLarge", ErrTooLarge},
	{"Unsupported", ErrUnsupported},
	{"Busy", ErrBusy},
	{"NoCapacity", ErrNoCapacity},
	{"NotOwner", ErrNotOwner},
	{"Stale", ErrStale},
	{"Gone", ErrGone},
	{"Saturated", ErrSaturated},
	{"Aborted", ErrAborted},
	{"BadResponse", ErrBadResponse},
	{"NotStarted", ErrNotStarted},
	{"Unavailable", ErrUnavailable},
}

// Code is the stable word for the kind of err; "Internal" if it has none.
func Code(err error) string {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return "Internal"
}

// FromCode is the kind that Code named; nil for a word it does not know.
func FromCode(code string) error {
	for _, c := range codes {
		if c.code == code {
			return c.err
		}
	}
	return nil
}
