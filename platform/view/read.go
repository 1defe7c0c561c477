package view

import (
	"fmt"

	"github.com/fcstack/fcstack/platform/fc"
)

// Resolve finds what a qualifier of a function stands for; "" is LATEST.
// fc.ErrFunctionNotFound, fc.ErrVersionNotFound, fc.ErrAliasNotFound.
func (v *View) Resolve(account, function, qualifier string) (*fc.Version, error) {
	found, ok := v.functions.Load(functionKey{account, function})
	if !ok {
		return nil, fmt.Errorf("function %q: %w", function, fc.ErrFunctionNotFound)
	}
	if qualifier == "" || qualifier == fc.Latest {
		return found.(*fc.Version), nil
	}
	if isNumber(qualifier) {
		return nil, fmt.Errorf("version %q of function %q: %w", qualifier, function, fc.ErrVersionNotFound)
	}
	return nil, fmt.Errorf("alias %q of function %q: %w", qualifier, function, fc.ErrAliasNotFound)
}

// Current finds exactly the version that ref names. fc.ErrFunctionNotFound; fc.ErrStale
// if the function has been changed since.
func (v *View) Current(ref fc.VersionRef) (*fc.Version, error) {
	version, err := v.Resolve(ref.Account, ref.Function, ref.Version)
	if err != nil {
		return nil, err
	}
	if version.Revision > ref.Revision {
		return nil, fmt.Errorf("revision %d of %s: %w", ref.Revision, ref, fc.ErrStale)
	}
	return version, nil
}

// Route finds the http trigger of a subdomain.
func (v *View) Route(subdomain string) (*fc.Trigger, bool) {
	t, ok := v.routes.Load(subdomain)
	if !ok {
		return nil, false
	}
	return t.(*fc.Trigger), true
}

// AccessKey finds an access key, a disabled one too.
func (v *View) AccessKey(id string) (*fc.AccessKey, bool) {
	k, ok := v.keys.Load(id)
	if !ok {
		return nil, false
	}
	return k.(*fc.AccessKey), true
}

func isNumber(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}
