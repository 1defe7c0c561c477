package process_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/backend/sandbox"
	"github.com/fcstack/fcstack/platform/backend/sandbox/process"
	"github.com/fcstack/fcstack/platform/backend/sandbox/sandboxtest"
)

// platformEnv makes the test binary a platform of one sandbox that waits to be killed.
const platformEnv = "PROCESS_TEST_PLATFORM"

func TestMain(m *testing.M) {
	if os.Getenv(platformEnv) != "" {
		platform()
	}
	sandboxtest.Main(m)
}

// platform runs a sandbox whose child ignores signals; both hold stdout open.
func platform() {
	d, err := process.New(process.Config{})
	if err != nil {
		panic(err)
	}
	_, err = d.Start(context.Background(), sandbox.Spec{
		ID:      "orphan",
		Command: []string{"/bin/sh", "-c", "(trap '' HUP TERM INT; echo up; sleep 1000; sleep 1000) & wait"},
		Env:     os.Environ(),
		Stdout:  os.Stdout,
	})
	if err != nil {
		panic(err)
	}
	os.Stdout.WriteString("started\n")
	select {}
}

func open(t *testing.T, cfg process.Config) *process.Driver {
	t.Helper()
	cfg.Log = slog.New(slog.DiscardHandler)
	d, err := process.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestProcess(t *testing.T) {
	sandboxtest.Test(t, func(t *testing.T) sandbox.Driver { return open(t, process.Config{}) })
}

func TestProcessWithoutMounts(t *testing.T) {
	sandboxtest.Test(t, func(t *testing.T) sandbox.Driver { return open(t, process.Config{NoMounts: true}) })
}

func TestNothingOutlivesAKilledPlatform(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), platformEnv+"=1")
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	lines := bufio.NewReader(r)
	for range 2 { // the sandbox is up, and Start has returned
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	// The whole group of the platform, as a terminal or a CI system would.
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	r.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadAll(lines); err != nil {
		t.Errorf("its sandbox still runs: %v", err)
	}
}

func TestCloseEndsWhatRuns(t *testing.T) {
	d := open(t, process.Config{})
	s, err := d.Start(t.Context(), sandbox.Spec{ID: "a", Command: []string{"sleep", "1000"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Close(), d.Close()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Exited():
	default:
		t.Error("the sandbox has not ended")
	}
	if _, err := d.Start(t.Context(), sandbox.Spec{ID: "b", Command: []string{"true"}}); err == nil {
		t.Error("a closed driver starts sandboxes")
	}
}

func TestTheLastOneRemovesTheMountPoints(t *testing.T) {
	first, second := open(t, process.Config{}), open(t, process.Config{})
	if !first.Mounts() {
		t.Skip("no mounts here")
	}
	top := fmt.Sprintf("/fc-test-%d", os.Getpid()) // no other test's
	source, deep := t.TempDir(), top+"/deep"
	if err := os.WriteFile(filepath.Join(source, "hello"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(d *process.Driver) {
		t.Helper()
		s, err := d.Start(t.Context(), sandbox.Spec{
			ID: "a", Stderr: os.Stderr, Command: []string{"ls", deep + "/hello"}, Mounts: []sandbox.Mount{{Source: source, Target: deep}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if <-s.Exited(); s.Exit().Code != 0 {
			t.Errorf("exit is %+v", s.Exit())
		}
	}
	run(first)
	run(second)
	first.Close()
	if _, err := os.Stat(deep); err != nil {
		t.Errorf("gone while another driver uses it: %v", err)
	}
	run(second)
	second.Close()
	if _, err := os.Stat(top); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left: %v", top, err)
	}
}

// BenchmarkStart compares the driver with a bare fork and exec of the same program.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	for _, c := range []struct {
		name   string
		mounts []sandbox.Mount
	}{
		{"plain", nil},
		{"mounts", []sandbox.Mount{{Source: dir, Target: "/code", ReadOnly: true}, {Source: dir, Target: "/tmp"}, {Source: dir, Target: "/opt"}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			d, err := process.New(process.Config{Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			for b.Loop() {
				s, err := d.Start(b.Context(), sandbox.Spec{ID: "a", Command: []string{"/bin/true"}, Mounts: c.mounts})
				if err != nil {
					b.Fatal(err)
				}
				<-s.Exited()
			}
		})
	}
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			pid, err := syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := syscall.Wait4(pid, nil, 0, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
