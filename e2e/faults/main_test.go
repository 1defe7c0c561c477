// Package faults tests what the platform promises when things go wrong: kills at any
// moment, directories and ports that somebody else has.
package faults

import (
	"testing"

	"github.com/fcstack/fcstack/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
