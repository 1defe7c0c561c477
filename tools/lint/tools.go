//go:build tools

// Package lint pins the version of the linter that `make lint` builds.
// It is never compiled into anything.
package lint

import _ "github.com/golangci/golangci-lint/v2/cmd/golangci-lint"
