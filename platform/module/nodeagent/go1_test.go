package nodeagent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/fc/fctest"
)

var goBuilt struct {
	once sync.Once
	dir  string
	err  error
}

// goVersion is a go1 function built with the official SDK.
func goVersion(t testing.TB, change ...func(*fc.Version)) *fc.Version {
	t.Helper()
	goBuilt.once.Do(func() {
		goBuilt.dir, goBuilt.err = os.MkdirTemp("", "fc-node-test-go1-")
		if goBuilt.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-o", filepath.Join(goBuilt.dir, "main"), ".")
		cmd.Dir = filepath.Join("testdata", "go1")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			goBuilt.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if goBuilt.err != nil {
		t.Skipf("the Go runtime SDK cannot be built here: %v", goBuilt.err)
	}
	return custom(t, 1, append([]func(*fc.Version){func(v *fc.Version) {
		v.Runtime, v.Handler, v.Code = "go1", "main", fc.Package{Key: goBuilt.dir}
	}}, change...)...)
}

func goEvent(do, arg string) *fc.Invocation {
	b, err := json.Marshal(map[string]string{"Do": do, "Arg": arg})
	if err != nil {
		panic(err)
	}
	return fctest.Event(string(b))
}

func TestGoFunction(t *testing.T) {
	a := openAgent(t, options{})
	started(t, a, "c-1", goVersion(t))

	t.Run("events come back", func(t *testing.T) {
		for range 20 {
			if got := invoke(t, a, "c-1", goEvent("echo", "hello")).Body(); got != `"hello"` {
				t.Fatalf("got %s", got)
			}
		}
	})
	t.Run("the context is filled", func(t *testing.T) {
		in := goEvent("context", "")
		in.Attempt, in.Qualifier = 1, "prod"
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		out := &fctest.Answer{}
		if err := a.Call(ctx, "c-1", in, out); err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(out.Body()), &got); err != nil {
			t.Fatalf("%s: %v", out.Body(), err)
		}
		for k, want := range map[string]any{
			"request": in.RequestID, "name": "f", "handler": "main", "memory": "128", "timeout": 20.0, "region": "local",
			"account": "1000", "version": "LATEST", "qualifier": "prod", "attempt": 1.0, "initialized": false,
		} {
			if got[k] != want {
				t.Errorf("%s is %v, want %v", k, got[k], want)
			}
		}
		if left, _ := got["left"].(float64); left < 15 || left > 20 {
			t.Errorf("%v s are left", left)
		}
	})
	t.Run("bodies of any size, known or not", func(t *testing.T) {
		for _, size := range []int{0, 10, 5000, 2 << 20} {
			for _, known := range []bool{true, false} {
				in := goEvent("size", strings.Repeat("s", size))
				if !known {
					in.Size = -1
				}
				if got := invoke(t, a, "c-1", in).Body(); got != fmt.Sprint(size) {
					t.Errorf("%d bytes, known: %t: %s", size, known, got)
				}
			}
		}
		want := `"` + strings.Repeat("y", 1<<20) + `"`
		if got := invoke(t, a, "c-1", goEvent("echo", want[1:len(want)-1])).Body(); got != want {
			t.Errorf("%d bytes of %d", len(got), len(want))
		}
	})
	t.Run("errors and panics are answers, and the process lives on", func(t *testing.T) {
		for _, do := range []string{"error", "panic"} {
			out := invoke(t, a, "c-1", goEvent(do, "no luck"))
			h, _ := out.Head()
			if h.ErrorType != fc.UnhandledInvocationError || messageOf([]byte(out.Body())) != "no luck" {
				t.Errorf("%s: head %+v, body %s", do, h, out.Body())
			}
		}
		if got := invoke(t, a, "c-1", goEvent("echo", "x")).Body(); got != `"x"` {
			t.Errorf("got %s", got)
		}
	})
	t.Run("the tail is the call's log", func(t *testing.T) {
		invoke(t, a, "c-1", goEvent("say", "before"))
		in := goEvent("say", "now")
		in.Tail = true
		h, _ := invoke(t, a, "c-1", in).Head()
		got := strings.Split(strings.TrimSpace(string(h.LogTail)), "\n")
		want := []string{"FC Invoke Start RequestId: " + in.RequestID, "now", "FC Invoke End RequestId: " + in.RequestID, ""}
		if len(got) != 5 || strings.Join(got[:4], "|") != strings.Join(want, "|") || !strings.HasPrefix(got[4], "Duration: ") {
			t.Errorf("tail %q", h.LogTail)
		}
	})
}

func TestGoFunctionThatEndsOrHangs(t *testing.T) {
	a := openAgent(t, options{})
	for id, c := range map[fc.InstanceID]struct{ do, want string }{
		"c-exit":  {"exit", "Process exited unexpectedly before completing request (duration: "},
		"c-sleep": {"sleep", "Function timed out after 20 seconds"},
	} {
		started(t, a, id, goVersion(t))
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		out := &fctest.Answer{}
		err := a.Call(ctx, id, goEvent(c.do, ""), out)
		cancel()
		h, _ := out.Head()
		if err != nil || h.ErrorType != fc.UnhandledInvocationError || !strings.HasPrefix(messageOf([]byte(out.Body())), c.want) {
			t.Errorf("%s: %v, head %+v, body %s", c.do, err, h, out.Body())
		}
		eventually(t, "the instance is gone", func() bool {
			return errors.Is(a.Call(t.Context(), id, goEvent("echo", ""), &fctest.Answer{}), fc.ErrGone)
		})
	}
	started(t, a, "c-left", goVersion(t))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := a.Call(ctx, "c-left", goEvent("sleep", ""), &fctest.Answer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	eventually(t, "an abandoned handler's process goes", func() bool { return a.table.get("c-left") == nil })
}

func TestGoLifecycle(t *testing.T) {
	a := openAgent(t, options{noMounts: true})
	file := filepath.Join(t.TempDir(), "stopped")
	hook := &fc.Hook{Handler: "hook"}
	started(t, a, "c-1", goVersion(t, func(v *fc.Version) {
		v.Initializer, v.PreStop, v.Env = hook, hook, map[string]string{"STOP_FILE": file}
	}))
	if got := invoke(t, a, "c-1", goEvent("context", "")).Body(); !strings.Contains(got, `"initialized":true`) {
		t.Errorf("got %s", got)
	}
	if err := a.Stop(t.Context(), "c-1"); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != `"c-1"` {
		t.Errorf("pre-stop: %q, %v", b, err)
	}
	_, err := a.Start(t.Context(), "c-2", goVersion(t, func(v *fc.Version) {
		v.Initializer, v.Env = hook, map[string]string{"INIT": "panic"}
	}))
	f, its := errors.AsType[*fc.Failure](err)
	if !its || f.ErrorType != fc.InitializationError || f.Message != "no database" {
		t.Errorf("got %#v", err)
	}
}
