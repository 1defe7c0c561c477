package nodeagent

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/backend/sandbox/process"
	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/fc/fctest"
)

// directories is a Code whose keys are directories that exist.
type directories struct{}

func (directories) Get(_ context.Context, p fc.Package) (string, func(), error) {
	if _, err := os.Stat(p.Key); err != nil {
		return "", nil, errors.Join(fc.ErrNotFound, err)
	}
	return p.Key, func() {}, nil
}

var built struct {
	once sync.Once
	dir  string
}

// builtCode is the code of the suite's function, built once.
func builtCode(t testing.TB) fc.Package {
	built.once.Do(func() {
		dir, err := os.MkdirTemp("", "fc-node-test-")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(dir, os.DirFS(fctest.BuildFunction(t))); err != nil {
			t.Fatal(err)
		}
		built.dir = dir
	})
	if built.dir == "" {
		t.Fatal("the test function was not built")
	}
	return fc.Package{Key: built.dir}
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, dir := range []string{built.dir, goBuilt.dir} {
		if dir != "" {
			os.RemoveAll(dir)
		}
	}
	os.Exit(code)
}

// options of a test's agent.
type options struct {
	config   func(*Config)
	deps     func(*Deps)
	noMounts bool
}

// openAgent runs an agent with the process driver until the test ends; then nothing may
// be left of it.
func openAgent(t testing.TB, o options) *Agent {
	t.Helper()
	log := slog.New(slog.NewTextHandler(testWriter{t}, nil))
	if _, bench := t.(*testing.B); bench {
		log = slog.New(slog.DiscardHandler)
	}
	driver, err := process.New(process.Config{NoMounts: o.noMounts, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.ID, cfg.Region, cfg.Dir, cfg.MemoryMB, cfg.Path = "n-1", "local", t.TempDir(), 4096, os.Getenv("PATH")
	cfg.StopGrace = 5 * time.Second
	deps := Deps{Driver: driver, Code: directories{}, Log: log}
	if o.config != nil {
		o.config(&cfg)
	}
	if o.deps != nil {
		o.deps(&deps)
	}
	a, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("run: %v", err)
		}
		if left, err := driver.List(context.Background()); err != nil || len(left) > 0 {
			t.Errorf("sandboxes left: %v, %v", left, err)
		}
		if err := driver.Close(); err != nil {
			t.Errorf("close driver: %v", err)
		}
		checkEmpty(t, a)
	})
	return a
}

// checkEmpty fails for files and ports that an agent left behind.
func checkEmpty(t testing.TB, a *Agent) {
	_ = filepath.WalkDir(a.cfg.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("left behind: %s", path)
		}
		return nil
	})
	a.ports.mu.Lock()
	defer a.ports.mu.Unlock()
	if len(a.ports.used) > 0 {
		t.Errorf("ports left: %v", a.ports.used)
	}
	if n := a.table.size.Load(); n != 0 {
		t.Errorf("%d instances left", n)
	}
}

// testWriter shows the log of failed tests.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

func custom(t testing.TB, concurrency int, change ...func(*fc.Version)) *fc.Version {
	v := fctest.CustomFunction(builtCode(t), concurrency)
	for _, c := range change {
		c(v)
	}
	return v
}

func started(t testing.TB, a *Agent, id fc.InstanceID, v *fc.Version) {
	t.Helper()
	if _, err := a.Start(t.Context(), id, v); err != nil {
		t.Fatalf("start: %v", err)
	}
}

func invoke(t testing.TB, a *Agent, id fc.InstanceID, in *fc.Invocation) *fctest.Answer {
	t.Helper()
	out := &fctest.Answer{}
	if err := a.Call(t.Context(), id, in, out); err != nil {
		t.Fatalf("call: %v", err)
	}
	return out
}

// eventually waits for a condition, generously.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
