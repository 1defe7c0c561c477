//go:build tools

// Package tofu pins the OpenTofu that `make demo` builds where neither terraform nor tofu is on PATH.
// It is never compiled into anything of ours.
package tofu

import _ "github.com/opentofu/opentofu/cmd/tofu"
