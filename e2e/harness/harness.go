package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// shared is the platform that the tests of one package use together.
var shared struct {
	sync.Mutex
	platform *Platform
	err      error
	dir      string // everything of this test process; removed at its end
	bin      string
}

// Main runs the tests of a package, stops the platform that they shared, and fails if
// it left anything behind. Call it from TestMain.
func Main(m *testing.M) {
	code := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintf(os.Stderr, "FAIL: %v\n", err)
		code = 1
	}
	os.Exit(code)
}

func stopShared() error {
	shared.Lock()
	defer shared.Unlock()
	var err error
	if p := shared.platform; p != nil && p.cmd != nil {
		err = p.Stop()
	}
	if shared.dir != "" {
		os.RemoveAll(shared.dir)
	}
	return err
}

// Shared is the one platform of this test process. It is started when it is first asked
// for; with FC_E2E_URL set it is the one that runs there, with the access key of the
// environment.
func Shared(t testing.TB) *Platform {
	t.Helper()
	if testing.Short() {
		t.Skip("starts the real platform: left out of -short")
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.platform == nil && shared.err == nil {
		shared.platform, shared.err = startShared()
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.platform
}

func startShared() (*Platform, error) {
	if at := os.Getenv("FC_E2E_URL"); at != "" {
		return remote(at), nil
	}
	bin, err := binary()
	if err != nil {
		return nil, err
	}
	return launchIn(filepath.Join(shared.dir, "shared"), Options{Bin: bin})
}

// remote is a platform that somebody else runs.
func remote(at string) *Platform {
	p := &Platform{URL: strings.TrimRight(at, "/"), Exports: map[string]string{}}
	for _, line := range os.Environ() {
		if name, value, _ := strings.Cut(line, "="); strings.HasPrefix(name, "FC_") || strings.HasPrefix(name, "ALIBABA_CLOUD_") {
			p.Exports[name] = value
		}
	}
	p.Exports["FC_ENDPOINT"] = p.URL
	return p
}

// Start starts a platform of the test's own on a fresh directory, unless o names one,
// and stops it at the end of the test, which fails if anything is left behind.
func Start(t testing.TB, o Options) *Platform {
	t.Helper()
	p, err := launchIn(t.TempDir(), o.withBinary(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-p.Exited(): // the test has ended it itself
		default:
			if err := p.Stop(); err != nil {
				t.Error(err)
			}
		}
	})
	return p
}

func (o Options) withBinary(t testing.TB) Options {
	t.Helper()
	if o.Bin == "" {
		o.Bin = Binary(t)
	}
	return o
}

// launchIn starts a platform whose directories are below dir unless o names others.
func launchIn(dir string, o Options) (*Platform, error) {
	if o.DataDir == "" {
		o.DataDir = filepath.Join(dir, "data")
	}
	if o.TempDir == "" {
		o.TempDir = filepath.Join(dir, "tmp")
	}
	if err := os.MkdirAll(o.TempDir, 0o755); err != nil {
		return nil, err
	}
	return Launch(context.Background(), o)
}

// Binary is the path of the fc binary: FC_BIN, or one built once for this process.
func Binary(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts the real platform: left out of -short")
	}
	shared.Lock()
	defer shared.Unlock()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

func binary() (string, error) {
	if shared.dir == "" {
		dir, err := os.MkdirTemp("", "fc-e2e-")
		if err != nil {
			return "", err
		}
		shared.dir = dir
	}
	if bin := os.Getenv("FC_BIN"); bin != "" {
		return bin, nil
	}
	if shared.bin != "" {
		return shared.bin, nil
	}
	bin := filepath.Join(shared.dir, "fc")
	cmd := exec.Command("go", "build", "-o", bin, "./platform/cmd/fc")
	cmd.Dir = Root()
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the platform: %w\n%s", err, said)
	}
	shared.bin = bin
	return bin, nil
}

// Local skips a test that looks at the platform's processes, where it cannot.
func Local(t testing.TB, p *Platform) {
	t.Helper()
	if _, err := os.Stat("/proc/self"); err != nil || p.PID == 0 {
		t.Skip("looks at processes: needs /proc, and a platform that was started here")
	}
}
