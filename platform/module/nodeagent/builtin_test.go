package nodeagent

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/fc/fctest"
	"github.com/fcstack/fcstack/platform/module/nodeagent/bootstrap"
)

// inherits starts the suite's function the way built-in runtimes are started.
type inherits struct{ dir string }

func (inherits) Available() []fc.Runtime { return []fc.Runtime{"python3.10"} }

func (inherits) Command(r fc.Runtime, at bootstrap.Paths) ([]string, error) {
	if r != "python3.10" {
		return nil, fc.ErrUnsupported
	}
	return []string{at.Code + "/bootstrap"}, nil
}

func (i inherits) Dir() string { return i.dir }

func (inherits) Version(fc.Runtime) string { return "1.0" }

func openBuiltin(t testing.TB) *Agent {
	return openAgent(t, options{deps: func(d *Deps) { d.Bootstraps = inherits{t.TempDir()} }})
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

// openRuntimes opens an agent with the real bootstraps.
func openRuntimes(t *testing.T, noMounts bool) *Agent {
	t.Helper()
	runtimes, err := bootstrap.New(bootstrap.Config{Dir: filepath.Join(t.TempDir(), "bootstrap"), Path: os.Getenv("PATH"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return openAgent(t, options{noMounts: noMounts, deps: func(d *Deps) { d.Bootstraps = runtimes }})
}

func TestScriptRuntimes(t *testing.T) {
	const python = `
import os, time
state = {"init": 0}
def init(context):
    if os.environ.get("INIT") == "fail":
        raise ValueError("no database")
    state["init"] += 1
def handler(event, context):
    print("got", event.decode())
    if event == b"error": raise ValueError("bad")
    if event == b"exit": os._exit(3)
    if event == b"sleep": time.sleep(1000)
    return "%s %s %d %s" % (event.decode(), context.request_id, state["init"], os.getcwd())
`
	const node = `
let inits = 0
exports.init = (context, callback) => {
  if (process.env.INIT === 'fail') return callback(new Error('no database'))
  inits++
  callback()
}
exports.handler = (event, context, callback) => {
  console.log('got', event.toString())
  switch (event.toString()) {
    case 'error': throw new Error('bad')
    case 'exit': process.exit(3)
    case 'sleep': return
  }
  callback(null, [event, context.requestId, inits, process.cwd()].join(' '))
}
`
	for runtime, file := range map[fc.Runtime][2]string{
		"python3.10": {"index.py", python},
		"nodejs20":   {"index.js", node},
	} {
		for name, noMounts := range map[string]bool{"mounts": false, "real paths": true} {
			t.Run(string(runtime)+" with "+name, func(t *testing.T) {
				a := openRuntimes(t, noMounts)
				if !slices.Contains(a.info().Runtimes, runtime) {
					t.Skipf("no interpreter for %s", runtime)
				}
				code := script(t, file[0], file[1], 0o644)
				testScriptRuntime(t, a, func(v *fc.Version) {
					v.Runtime, v.Handler, v.Code = runtime, "index.handler", code
					v.Initializer = &fc.Hook{Handler: "index.init", Timeout: 10 * time.Second}
				})
			})
		}
	}
}

func testScriptRuntime(t *testing.T, a *Agent, runtime func(*fc.Version)) {
	v := custom(t, 1, runtime)
	dir := v.Code.Key
	if a.mounts {
		dir = "/code"
	}
	started(t, a, "c-1", v)
	for range 3 {
		in := fctest.Event("hello")
		in.Tail = true
		out := invoke(t, a, "c-1", in)
		if want := "hello " + in.RequestID + " 1 " + dir; out.Body() != want {
			t.Errorf("got %q, want %q", out.Body(), want)
		}
		h, _ := out.Head()
		tail := string(h.LogTail)
		if !strings.HasPrefix(tail, "FC Invoke Start RequestId: "+in.RequestID) || !strings.Contains(tail, "got hello") ||
			!strings.Contains(tail, "FC Invoke End RequestId: "+in.RequestID) || !strings.Contains(tail, "\nDuration: ") {
			t.Errorf("tail %q", tail)
		}
	}
	out := invoke(t, a, "c-1", fctest.Event("error"))
	if h, _ := out.Head(); h.ErrorType != fc.UnhandledInvocationError || messageOf([]byte(out.Body())) != "bad" {
		t.Errorf("head %+v, body %s", h, out.Body())
	}
	out = invoke(t, a, "c-1", fctest.Event("exit"))
	if h, _ := out.Head(); h.ErrorType != fc.UnhandledInvocationError || !strings.HasPrefix(messageOf([]byte(out.Body())), "Process exited unexpectedly") {
		t.Errorf("head %+v, body %s", h, out.Body())
	}
	started(t, a, "c-2", v)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	out = &fctest.Answer{}
	if err := a.Call(ctx, "c-2", fctest.Event("sleep"), out); err != nil || !strings.HasPrefix(messageOf([]byte(out.Body())), "Function timed out") {
		t.Errorf("%v, body %s", err, out.Body())
	}
	_, err := a.Start(t.Context(), "c-3", custom(t, 1, runtime, func(v *fc.Version) { v.Env = map[string]string{"INIT": "fail"} }))
	f, its := errors.AsType[*fc.Failure](err)
	if !its || f.ErrorType != fc.InitializationError || f.Message != "no database" {
		t.Errorf("got %#v", err)
	}
}
