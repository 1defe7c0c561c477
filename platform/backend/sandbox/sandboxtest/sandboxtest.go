// Package sandboxtest is the suite a sandbox driver passes. It needs /bin/sh inside the
// sandboxes and leaves what only one driver does to that driver's own tests.
package sandboxtest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/backend/sandbox"
)

// helperEnv makes the test binary a helper program instead; see Main.
const helperEnv = "SANDBOXTEST_HELPER"

// patience bounds every wait for something that should happen at once.
const patience = 20 * time.Second

// Main runs the tests, or, inside a sandbox, a helper program of the suite. The driver's
// TestMain calls it.
func Main(m *testing.M) {
	what, arg, _ := strings.Cut(os.Getenv(helperEnv), " ")
	switch what {
	case "":
		os.Exit(m.Run())
	case "listen":
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(l.Addr().(*net.TCPAddr).Port)
	case "memory":
		mb, _ := strconv.Atoi(arg)
		block := bytes.Repeat([]byte{1}, mb<<20)
		fmt.Println(len(block))
	}
	_, _ = io.Copy(io.Discard, os.NewFile(3, "until closed"))
}

// Test runs the suite; open gives a driver that lives as long as the test.
func Test(t *testing.T, open func(t *testing.T) sandbox.Driver) {
	for _, g := range []struct {
		name string
		run  func(*testing.T, sandbox.Driver)
	}{
		{"a sandbox ends as its process does", testExit},
		{"the process gets what the spec says", testInputs},
		{"what cannot be run is invalid and leaves nothing", testInvalid},
		{"Terminate and Kill end the whole group", testGroup},
		{"many start at once", testMany},
		{"mounts show inside and nowhere else", testMounts},
		{"Listens knows whose port it is", testListens},
		{"MemoryMB is the most memory used", testMemory},
	} {
		t.Run(g.name, func(t *testing.T) {
			d := open(t)
			g.run(t, d)
			eventually(t, "no sandbox is left", func() bool {
				ids, err := d.List(t.Context())
				return err == nil && len(ids) == 0
			})
		})
	}
}

// shell is a spec that runs a script with arguments $1 and on.
func shell(id, script string, args ...string) sandbox.Spec {
	return sandbox.Spec{
		ID:      id,
		Command: append([]string{"/bin/sh", "-c", script, "sh"}, args...),
		Env:     []string{"PATH=/usr/bin:/bin"},
		Dir:     "/",
	}
}

// helper is a spec that runs a helper program of Main until the returned file is closed.
func helper(t *testing.T, id, program string) (sandbox.Spec, *os.File) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, w := pipe(t)
	return sandbox.Spec{ID: id, Command: []string{exe}, Env: []string{helperEnv + "=" + program}, Dir: "/", Files: []*os.File{r}}, w
}

// pipe is closed at the end of the test if not before.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// start runs a spec and sees to it that it is gone after the test.
func start(t *testing.T, d sandbox.Driver, spec sandbox.Spec) sandbox.Sandbox {
	t.Helper()
	s, err := d.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Kill() })
	return s
}

// ended waits for the end and gives the exit.
func ended(t *testing.T, s sandbox.Sandbox) sandbox.Exit {
	t.Helper()
	select {
	case <-s.Exited():
		return s.Exit()
	case <-time.After(patience):
		t.Fatalf("sandbox %s does not end", s.ID())
		return sandbox.Exit{}
	}
}

// output runs a spec to its end and gives what it wrote.
func output(t *testing.T, d sandbox.Driver, spec sandbox.Spec) string {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	spec.Stdout = out
	if spec.Stderr == nil {
		spec.Stderr = out
	}
	ended(t, start(t, d, spec))
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func eventually(t *testing.T, what string, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !true(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not so: %s", what)
		}
	}
}

// concurrently runs f n times at once.
func concurrently(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}
