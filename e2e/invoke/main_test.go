// Package invoke tests calls against the real platform: through the official SDK and
// through HTTP triggers, with functions that behave and functions that do not.
package invoke

import (
	"testing"

	"github.com/fcstack/fcstack/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
