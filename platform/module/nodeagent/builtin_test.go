package nodeagent

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/fc/fctest"
)

// inherits starts the suite's function the way built-in runtimes are started.
type inherits struct{}

func (inherits) Available() []fc.Runtime { return []fc.Runtime{"python3.10"} }

func (inherits) Command(r fc.Runtime) ([]string, string, error) {
	if r != "python3.10" {
		return nil, "", fc.ErrUnsupported
	}
	return []string{"/code/bootstrap"}, "Test 1.0", nil
}

func openBuiltin(t testing.TB) *Agent {
	return openAgent(t, options{deps: func(d *Deps) { d.Bootstraps = inherits{} }})
}

func builtin(t testing.TB, change ...func(*fc.Version)) *fc.Version {
	return custom(t, 1, append([]func(*fc.Version){func(v *fc.Version) { v.Runtime = "python3.10" }}, change...)...)
}

func TestBuiltinRuntimesInheritTheirListener(t *testing.T) {
	a := openBuiltin(t)
	i, err := a.Start(t.Context(), "c-1", builtin(t, func(v *fc.Version) { v.Concurrency = 5 }))
	if err != nil || i.Concurrency != 1 {
		t.Fatalf("%+v, %v", i, err)
	}
	for range 3 {
		if got := invoke(t, a, "c-1", fctest.Event("hello")).Body(); got != "hello" {
			t.Errorf("got %q", got)
		}
	}
	if got := invoke(t, a, "c-1", fctest.Event("header X-Fc-Control-Path")).Body(); got != "/invoke" {
		t.Errorf("control path %q", got)
	}
	if err := a.Call(t.Context(), "c-1", request("GET", "/echo", nil), &fctest.Answer{}); !errors.Is(err, fc.ErrUnsupported) {
		t.Errorf("an HTTP call: %v", err)
	}
	_, err = a.Start(t.Context(), "c-2", builtin(t, func(v *fc.Version) { v.Runtime = "java11" }))
	if !errors.Is(err, fc.ErrUnsupported) {
		t.Errorf("a runtime without an interpreter: %v", err)
	}
}

func TestABuiltinRuntimeThatEndsAtOnceFailsTheFirstCall(t *testing.T) {
	a := openBuiltin(t)
	started(t, a, "c-1", builtin(t, func(v *fc.Version) { v.Env = map[string]string{"EXIT": "1", "SAY": "no such module"} }))
	in := fctest.Event("x")
	in.Tail = true
	out := &fctest.Answer{}
	err := a.Call(t.Context(), "c-1", in, out)
	if errors.Is(err, fc.ErrGone) {
		return // it had ended before the call came; the owner learns it by watching
	}
	h, _ := out.Head()
	if err != nil || h.ErrorType != fc.UnhandledInvocationError || !strings.HasPrefix(messageOf([]byte(out.Body())), "Process exited unexpectedly") {
		t.Errorf("%v, head %+v, body %s", err, h, out.Body())
	}
}

func TestABuiltinRuntimeIsEndedWhenItsCallerLeaves(t *testing.T) {
	a := openBuiltin(t)
	started(t, a, "c-1", builtin(t))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := a.Call(ctx, "c-1", fctest.Event("sleep 1h"), &fctest.Answer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	eventually(t, "the process goes", func() bool { return a.table.get("c-1") == nil })
}
