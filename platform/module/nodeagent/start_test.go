package nodeagent

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/fc/fctest"
)

func TestEnvironmentOfAFunction(t *testing.T) {
	for name, noMounts := range map[string]bool{"mounts": false, "real paths": true} {
		t.Run(name, func(t *testing.T) {
			a := openAgent(t, options{noMounts: noMounts})
			started(t, a, "c-1", custom(t, 1, func(v *fc.Version) {
				v.Env = map[string]string{"OWN": "a b", "FC_REGION": "forged", "LANG": "de_DE.UTF-8"}
				v.Initializer = &fc.Hook{Handler: "init", Timeout: 5 * time.Second}
			}))
			get := func(what string) string { return invoke(t, a, "c-1", fctest.Event(what)).Body() }
			code := "/code"
			if !a.mounts {
				code = builtCode(t).Key
			}
			for variable, want := range map[string]string{
				"FC_FUNCTION_NAME": "f", "FC_FUNCTION_HANDLER": "h", "FC_FUNCTION_MEMORY_SIZE": "128", "FC_REGION": "local",
				"FC_ACCOUNT_ID": "1000", "FC_INSTANCE_ID": "c-1", "FC_FUNC_CODE_PATH": code + "/", "FC_QUALIFIER": "LATEST",
				"FC_FUNCTION_VERSION": "LATEST", "FC_INITIALIZATION_TIMEOUT": "5", "OWN": "a b", "LANG": "de_DE.UTF-8",
				"ALIBABA_CLOUD_ACCESS_KEY_ID": "", "GOPATH": "", "FC_RUNTIME_API": "",
			} {
				if got := get("env " + variable); got != want {
					t.Errorf("%s=%q, want %q", variable, got, want)
				}
			}
			if port, err := strconv.Atoi(get("env FC_SERVER_PORT")); err != nil || port < a.cfg.FirstPort || port > a.cfg.LastPort {
				t.Errorf("FC_SERVER_PORT %d", port)
			}
			if get("env FC_SERVER_PORT") != get("env FC_CUSTOM_LISTEN_PORT") {
				t.Error("the two names of the port differ")
			}
			if got := get("dir"); got != code {
				t.Errorf("working directory %q, want %q", got, code)
			}
			get("write note")
			if got := get("read"); got != "note" {
				t.Errorf("what was written to the temporary directory reads %q", got)
			}
			if b, err := os.ReadFile(filepath.Join(a.table.get("c-1").tmp, "note")); err != nil || string(b) != "note" {
				t.Errorf("the temporary directory is not the instance's own: %q, %v", b, err)
			}
		})
	}
}

// script makes a package of one file.
func script(t *testing.T, name, text string, mode os.FileMode) fc.Package {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return fc.Package{Key: dir}
}

func TestFunctionsThatDoNotComeUp(t *testing.T) {
	empty := fc.Package{Key: t.TempDir()}
	goOne := func(v *fc.Version) { v.Runtime, v.Handler, v.Concurrency = "go1", "main", 1 }
	for _, c := range []struct {
		name      string
		change    func(v *fc.Version)
		errorType string // "": it is ErrNotStarted
		want      string // in the message
		log       string // in the tail
	}{
		{"no bootstrap", func(v *fc.Version) { v.Code = empty }, "", "/code/bootstrap cannot be run: it is not in the code package", ""},
		{"a bootstrap that is not executable", func(v *fc.Version) { v.Code = script(t, "bootstrap", "#!/bin/sh\n", 0o644) }, "", "the file is not executable", ""},
		{"a script without an interpreter line", func(v *fc.Version) { v.Code = script(t, "bootstrap", "echo hello\n", 0o755) }, "", "it is a script without a first line like #!/bin/sh", ""},
		{"a script whose interpreter is missing", func(v *fc.Version) { v.Code = script(t, "bootstrap", "#!/no/such\n", 0o755) }, "", "its interpreter or loader does not exist on this node", ""},
		{"a command that is nowhere", func(v *fc.Version) { v.Custom = &fc.CustomRuntime{Command: []string{"no-such-command"}} }, "", "was not found in PATH", ""},
		{"a process that ends", func(v *fc.Version) { v.Code = script(t, "bootstrap", "#!/bin/sh\necho broken >&2\nexit 4\n", 0o755) }, "", "ended with status 4", "broken"},
		{"a port that never opens", func(v *fc.Version) {
			v.Env = map[string]string{"SLEEP": "1", "SAY": "waiting"}
			v.Custom = &fc.CustomRuntime{Port: 8123}
		}, "", "did not listen on port 8123", "waiting"},
		{"an initializer that runs out of time", func(v *fc.Version) {
			v.Env, v.Initializer = map[string]string{"INIT": "hang"}, &fc.Hook{Handler: "i", Timeout: time.Second}
		}, fc.InitializationError, "initialization timed out after 1 seconds", "initializing"},
		{"an initializer that ends the process", func(v *fc.Version) {
			v.Env, v.Initializer = map[string]string{"INIT": "exit"}, &fc.Hook{Handler: "i"}
		}, fc.InitializationError, "Process exited unexpectedly", "initializing"},
		{"an initializer command that fails", func(v *fc.Version) {
			v.Initializer = &fc.Hook{Command: []string{"/bin/sh", "-c", "echo from the command; exit 3"}}
		}, fc.InitializationError, "ended with status 3", "from the command"},
		{"a go1 handler that is missing", func(v *fc.Version) { goOne(v); v.Code = empty }, fc.UnhandledInvocationError, "/code/main cannot be run: it is not in the code package", ""},
		{"a go1 binary that ends", func(v *fc.Version) { goOne(v); v.Code = script(t, "main", "#!/bin/sh\necho no\nexit 1\n", 0o755) }, fc.UnhandledInvocationError, "Process exited unexpectedly before completing request (duration: ", "no"},
		{"a go1 binary that never asks", func(v *fc.Version) { goOne(v); v.Code = script(t, "main", "#!/bin/sh\nexec sleep 1000\n", 0o755) }, "", "did not ask the runtime API", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := openAgent(t, options{config: func(c *Config) { c.StartTimeout = 1500 * time.Millisecond }})
			_, err := a.Start(t.Context(), "c-1", custom(t, 1, c.change))
			f, its := errors.AsType[*fc.Failure](err)
			if !its {
				t.Fatalf("got %v", err)
			}
			if f.ErrorType != c.errorType || errors.Is(err, fc.ErrNotStarted) != (c.errorType == "") {
				t.Errorf("error type %q, kind %v", f.ErrorType, f.Kind)
			}
			if !strings.Contains(f.Message, c.want) || !strings.Contains(messageOf(f.Body), c.want) {
				t.Errorf("message %q, body %s; want %q", f.Message, f.Body, c.want)
			}
			if !strings.Contains(string(f.LogTail), c.log) {
				t.Errorf("log %q lacks %q", f.LogTail, c.log)
			}
		})
	}
}

func TestAServerThatInsistsOnItsPortIsFound(t *testing.T) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	a := openAgent(t, options{})
	v := custom(t, 1, func(v *fc.Version) {
		v.Env = map[string]string{"FIXED_PORT": strconv.Itoa(port)}
		v.Custom = &fc.CustomRuntime{Port: port}
	})
	started(t, a, "c-1", v)
	if got := invoke(t, a, "c-1", fctest.Event("here")).Body(); got != "here" {
		t.Errorf("got %q", got)
	}
	if _, err := a.Start(t.Context(), "c-2", v); !errors.Is(err, fc.ErrNotStarted) {
		t.Errorf("a second one on the same port: %v", err)
	}
}

func TestManyStartAtOnce(t *testing.T) {
	a := openAgent(t, options{})
	var wait sync.WaitGroup
	for n := range 16 {
		wait.Go(func() {
			id := fc.InstanceID(fmt.Sprintf("c-%d", n))
			v := custom(t, 4, func(v *fc.Version) { v.Env = map[string]string{"WHO": string(id)} })
			if _, err := a.Start(t.Context(), id, v); err != nil {
				t.Errorf("start %s: %v", id, err)
				return
			}
			out := &fctest.Answer{}
			if err := a.Call(t.Context(), id, fctest.Event("env WHO"), out); err != nil || out.Body() != string(id) {
				t.Errorf("%s answered %q, %v", id, out.Body(), err)
			}
			if err := a.Stop(t.Context(), id); err != nil {
				t.Errorf("stop %s: %v", id, err)
			}
		})
	}
	wait.Wait()
}

func TestPreStopRunsBeforeTheEnd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stopped")
	command := filepath.Join(t.TempDir(), "command")
	a := openAgent(t, options{noMounts: true})
	started(t, a, "c-1", custom(t, 1, func(v *fc.Version) {
		v.Env, v.PreStop = map[string]string{"STOP_FILE": file}, &fc.Hook{Handler: "stop"}
	}))
	started(t, a, "c-2", custom(t, 1, func(v *fc.Version) {
		v.PreStop = &fc.Hook{Command: []string{"/bin/sh", "-c", `echo "$FC_SERVER_PORT" > ` + command}}
	}))
	for id, made := range map[fc.InstanceID]string{"c-1": file, "c-2": command} {
		if err := a.Stop(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(made); err != nil || len(b) < 5 {
			t.Errorf("the hook of %s has not run: %q, %v", id, b, err)
		}
	}
}

func TestAnUnhealthyInstanceIsLetGo(t *testing.T) {
	a := openAgent(t, options{})
	started(t, a, "c-1", custom(t, 2, func(v *fc.Version) {
		v.Custom = &fc.CustomRuntime{Health: &fc.HealthCheck{Path: "/health", Period: 10 * time.Millisecond, FailureThreshold: 2}}
	}))
	invoke(t, a, "c-1", fctest.Event("sick"))
	eventually(t, "calls are refused", func() bool {
		return errors.Is(a.Call(t.Context(), "c-1", fctest.Event("x"), &fctest.Answer{}), fc.ErrGone)
	})
	eventually(t, "the instance ends", func() bool { return a.table.size.Load() == 0 })
}
