package sandboxtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/fcstack/fcstack/platform/backend/sandbox"
	"github.com/fcstack/fcstack/platform/fc"
)

func testExit(t *testing.T, d sandbox.Driver) {
	for _, c := range []struct {
		name, script string
		want         sandbox.Exit
	}{
		{"status 0", "exit 0", sandbox.Exit{}},
		{"status 7", "exit 7", sandbox.Exit{Code: 7}},
		{"a signal of its own", "kill -USR1 $$", sandbox.Exit{Code: -1, Signal: int(syscall.SIGUSR1)}},
		{"children that live on", "sleep 1000 & exit 3", sandbox.Exit{Code: 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, d, shell("exit", c.script))
			if got := ended(t, s); got != c.want {
				t.Errorf("exit is %+v, want %+v", got, c.want)
			}
			if s.ID() != "exit" {
				t.Errorf("id is %q", s.ID())
			}
			if err := errors.Join(s.Terminate(), s.Kill(), s.Kill()); err != nil {
				t.Errorf("ending an ended one: %v", err)
			}
		})
	}
}

func testInputs(t *testing.T, d sandbox.Driver) {
	t.Run("environment, exactly", func(t *testing.T) {
		spec := shell("env", "env")
		spec.Command = []string{"/usr/bin/env"}
		spec.Env = []string{"A=1", "B=two words", "C="}
		got := strings.Split(strings.TrimSpace(output(t, d, spec)), "\n")
		slices.Sort(got)
		if !slices.Equal(got, spec.Env) {
			t.Errorf("environment is %q", got)
		}
	})
	t.Run("working directory", func(t *testing.T) {
		spec := shell("dir", "pwd -P")
		dir, err := filepath.EvalSymlinks(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		spec.Dir = dir
		if got := strings.TrimSpace(output(t, d, spec)); got != dir {
			t.Errorf("runs in %q, want %q", got, dir)
		}
	})
	t.Run("a command by the PATH of its environment", func(t *testing.T) {
		dir := t.TempDir()
		writeScript(t, filepath.Join(dir, "hello-of-the-suite"), "#!/bin/sh\necho hello $1\n")
		spec := sandbox.Spec{ID: "path", Command: []string{"hello-of-the-suite", "you"}, Env: []string{"PATH=/nowhere:" + dir}, Dir: "/"}
		if got := output(t, d, spec); got != "hello you\n" {
			t.Errorf("output is %q", got)
		}
	})
	t.Run("a command relative to its directory", func(t *testing.T) {
		spec := shell("relative", "")
		spec.Dir = t.TempDir()
		writeScript(t, filepath.Join(spec.Dir, "run"), "#!/bin/sh\necho here\n")
		spec.Command = []string{"./run"}
		if got := output(t, d, spec); got != "here\n" {
			t.Errorf("output is %q", got)
		}
	})
	t.Run("stdout and stderr apart, stdin empty", func(t *testing.T) {
		errs, err := os.Create(filepath.Join(t.TempDir(), "err"))
		if err != nil {
			t.Fatal(err)
		}
		defer errs.Close()
		spec := shell("streams", "cat; echo out; echo err >&2")
		spec.Stderr = errs
		if got := output(t, d, spec); got != "out\n" {
			t.Errorf("stdout is %q", got)
		}
		if got, _ := os.ReadFile(errs.Name()); string(got) != "err\n" {
			t.Errorf("stderr is %q", got)
		}
	})
	t.Run("no stdout is no hindrance", func(t *testing.T) {
		if got := ended(t, start(t, d, shell("mute", "echo out && echo err >&2 && exit 4"))); got.Code != 4 {
			t.Errorf("exit is %+v", got)
		}
	})
	t.Run("a pipe as stdout ends with the sandbox", func(t *testing.T) {
		r, w := pipe(t)
		spec := shell("pipe", "echo line; sleep 1000 & exit 0")
		spec.Stdout = w
		start(t, d, spec)
		w.Close()
		if got, err := io.ReadAll(r); err != nil || string(got) != "line\n" {
			t.Errorf("read %q, %v", got, err)
		}
	})
	t.Run("files from 3 on, and no others", func(t *testing.T) {
		files := []*os.File{textFile(t, "three"), textFile(t, "four")}
		spec := shell("files", "cat <&3; cat <&4; (: <&5) 2>/dev/null || echo none")
		spec.Files = files
		if got := output(t, d, spec); got != "threefournone\n" {
			t.Errorf("read %q", got)
		}
	})
	t.Run("an inherited listener", func(t *testing.T) {
		l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		f, err := l.(*net.UnixListener).File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		spec := shell("listener", "[ -S /dev/fd/3 ] && echo socket")
		spec.Files = []*os.File{f}
		if got := output(t, d, spec); got != "socket\n" {
			t.Errorf("output is %q", got)
		}
	})
}

func testInvalid(t *testing.T, d sandbox.Driver) {
	dir := t.TempDir()
	writeScript(t, filepath.Join(dir, "no-interpreter"), "#!/nowhere/at/all\n")
	if err := os.WriteFile(filepath.Join(dir, "not-executable"), []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	writeScript(t, filepath.Join(dir, "not-a-program"), "\x7fELF but not really")
	for name, spec := range map[string]sandbox.Spec{
		"no command":             {Dir: "/"},
		"a missing executable":   {Dir: "/", Command: []string{"/nowhere/at/all"}},
		"a name not in PATH":     {Dir: "/", Command: []string{"no-such-program-anywhere"}},
		"a directory":            {Dir: "/", Command: []string{dir}},
		"a missing interpreter":  {Dir: dir, Command: []string{"./no-interpreter"}},
		"a file that may not":    {Dir: dir, Command: []string{"./not-executable"}},
		"a file that cannot run": {Dir: dir, Command: []string{"./not-a-program"}},
		"a missing directory":    {Dir: "/nowhere/at/all", Command: []string{"/bin/sh"}},
	} {
		t.Run(name, func(t *testing.T) {
			spec.ID = "invalid"
			if _, err := d.Start(t.Context(), spec); !errors.Is(err, fc.ErrInvalid) {
				t.Errorf("error is %v", err)
			}
			if ids, err := d.List(t.Context()); err != nil || len(ids) != 0 {
				t.Errorf("left: %v, %v", ids, err)
			}
		})
	}
}

func testGroup(t *testing.T, d sandbox.Driver) {
	for name, end := range map[string]func(sandbox.Sandbox) error{
		"Terminate": sandbox.Sandbox.Terminate,
		"Kill":      func(s sandbox.Sandbox) error { return errors.Join(s.Kill(), s.Kill()) },
	} {
		t.Run(name, func(t *testing.T) {
			r, w := pipe(t)
			// The grandchild ignores everything that can be ignored and holds the pipe.
			spec := shell("group", `(trap '' TERM HUP INT; echo ready; sleep 1000; sleep 1000) & wait`)
			spec.Stdout = w
			s := start(t, d, spec)
			w.Close()
			lines := bufio.NewReader(r)
			if _, err := lines.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			if ids, err := d.List(t.Context()); err != nil || !slices.Equal(ids, []string{"group"}) {
				t.Errorf("list is %v, %v", ids, err)
			}
			if err := end(s); err != nil {
				t.Fatal(err)
			}
			if exit := ended(t, s); exit.Signal == 0 || exit.Code != -1 {
				t.Errorf("exit is %+v", exit)
			}
			if rest, err := io.ReadAll(lines); err != nil || len(rest) != 0 {
				t.Errorf("the grandchild wrote %q, %v", rest, err)
			}
		})
	}
	t.Run("Terminate leaves time to end in order", func(t *testing.T) {
		r, w := pipe(t)
		spec := shell("orderly", `trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.01; done`)
		spec.Stdout = w
		s := start(t, d, spec)
		w.Close()
		lines := bufio.NewReader(r)
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if err := s.Terminate(); err != nil {
			t.Fatal(err)
		}
		if exit := ended(t, s); exit != (sandbox.Exit{Code: 5}) {
			t.Errorf("exit is %+v", exit)
		}
		if rest, _ := io.ReadAll(lines); string(rest) != "bye\n" {
			t.Errorf("it said %q", rest)
		}
	})
}

func testMany(t *testing.T, d sandbox.Driver) {
	const many = 100
	concurrently(many, func(i int) {
		id := strconv.Itoa(i)
		s, err := d.Start(t.Context(), shell(id, "exit $1", id))
		if err != nil {
			t.Error(err)
			return
		}
		if got := ended(t, s); got.Code != i {
			t.Errorf("sandbox %d ended with %+v", i, got)
		}
	})
	t.Run("and one id runs once", func(t *testing.T) {
		s := start(t, d, shell("same", "sleep 1000"))
		if _, err := d.Start(t.Context(), shell("same", "exit 0")); !errors.Is(err, fc.ErrExists) {
			t.Errorf("error is %v", err)
		}
		_ = s.Kill()
		ended(t, s)
	})
}

func testMounts(t *testing.T, d sandbox.Driver) {
	if m, ok := d.(sandbox.Mounter); !ok || !m.Mounts() {
		t.Skip("this driver shows no mounts here")
	}
	_, missingErr := os.Stat("/code/hello")
	concurrently(8, func(i int) {
		text := fmt.Sprintf("code of %d", i)
		code, tmp := t.TempDir(), t.TempDir() // below /tmp, which is mounted over
		if err := os.WriteFile(filepath.Join(code, "hello"), []byte(text), 0o644); err != nil {
			t.Error(err)
		}
		spec := shell(strconv.Itoa(i), "cat hello; echo x >/code/new && echo written; echo own >/tmp/own; ls /tmp /opt")
		spec.Dir = "/code"
		spec.Stderr = textFile(t, "")
		spec.Mounts = []sandbox.Mount{
			{Source: tmp, Target: "/tmp"},
			{Source: code, Target: "/code", ReadOnly: true},
			{Source: code, Target: "/opt"},
		}
		if got, want := output(t, d, spec), text+"/opt:\nhello\n\n/tmp:\nown\n"; got != want {
			t.Errorf("inside: %q, want %q", got, want)
		}
		if own, err := os.ReadFile(filepath.Join(tmp, "own")); err != nil || string(own) != "own\n" {
			t.Errorf("what was written to /tmp: %q, %v", own, err)
		}
	})
	if _, err := os.Stat("/code/hello"); fmt.Sprint(err) != fmt.Sprint(missingErr) {
		t.Errorf("outside, /code/hello: %v", err)
	}
	if _, err := os.Stat("/tmp/own"); err == nil {
		t.Error("the file shows in the node's /tmp")
	}
	t.Run("a missing source is invalid", func(t *testing.T) {
		spec := shell("missing", "exit 0")
		spec.Mounts = []sandbox.Mount{{Source: "/nowhere/at/all", Target: "/code"}}
		if _, err := d.Start(t.Context(), spec); !errors.Is(err, fc.ErrInvalid) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("a sandbox without mounts sees none", func(t *testing.T) {
		spec := shell("none", "ls /code/hello 2>/dev/null || echo none")
		if got := output(t, d, spec); got != "none\n" {
			t.Errorf("sees %q", got)
		}
	})
}

func testListens(t *testing.T, d sandbox.Driver) {
	spec, stop := helper(t, "listener", "listen")
	r, w := pipe(t)
	spec.Stdout = w
	s := start(t, d, spec)
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(line)
	}
	if !s.Listens(port) {
		t.Error("its own port is not found")
	}
	other := start(t, d, shell("other", "sleep 1000"))
	if other.Listens(port) {
		t.Skip("this driver cannot tell")
	}
	child := start(t, d, wrapped(t, &spec))
	line, err = bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	port2, _ := strconv.Atoi(strings.TrimSpace(line))
	if !child.Listens(port2) || s.Listens(port2) {
		t.Error("the port of a child is not told apart")
	}
	stop.Close()
	for _, x := range []sandbox.Sandbox{s, other, child} {
		_ = x.Kill()
		ended(t, x)
	}
	if s.Listens(port) {
		t.Error("an ended sandbox listens")
	}
}

// wrapped runs the spec as a child of a shell, under another id.
func wrapped(t *testing.T, spec *sandbox.Spec) sandbox.Spec {
	t.Helper()
	w := *spec
	w.ID += "-wrapped"
	w.Command = []string{"/bin/sh", "-c", `"$1"; exit 0`, "sh", spec.Command[0]}
	return w
}

func testMemory(t *testing.T, d sandbox.Driver) {
	spec, stop := helper(t, "memory", "memory 300")
	r, w := pipe(t)
	spec.Stdout = w
	s := start(t, d, spec)
	if _, err := bufio.NewReader(r).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	running := s.MemoryMB()
	if running == 0 {
		t.Log("this driver does not know while it runs")
	} else if running < 300 || running > 2000 {
		t.Errorf("%d MiB while it runs, used over 300", running) // the race detector takes twice as much again
	}
	stop.Close()
	_ = s.Kill()
	ended(t, s)
	if at := s.MemoryMB(); at < running || at > 2000 {
		t.Errorf("%d MiB at the end, %d before", at, running)
	}
}

func writeScript(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// textFile is an open file that reads as text.
func textFile(t *testing.T, text string) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
