// Package boot tests functions that make the platform wait as long as it is willing to.
// It is a package of its own so that other tests run meanwhile.
package boot

import (
	"strings"
	"testing"

	"github.com/fcstack/fcstack/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

func TestAPortThatNeverOpens(t *testing.T) {
	p := harness.Shared(t)
	in := harness.Probe(t)
	in.EnvironmentVariables = map[string]*string{"PROBE": new("silent")}
	a := harness.Invoke(t, p, harness.Create(t, p, in), "hi", nil)
	if a.Status != 412 || a.Error.Code != "FunctionNotStarted" || !strings.Contains(a.Error.Message, "9000") {
		t.Errorf("answers %d %+v", a.Status, a.Error)
	}
}
