package bootstrap_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/module/nodeagent/bootstrap"
)

// patience bounds every wait for something that should happen at once.
const patience = 30 * time.Second

// shared probes the machine's interpreters once for all tests.
var shared *bootstrap.Runtimes

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "bootstrap")
	if err != nil {
		panic(err)
	}
	shared, err = bootstrap.New(bootstrap.Config{Dir: dir, Path: os.Getenv("PATH"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// instance is a running bootstrap.
type instance struct {
	t      *testing.T
	socket string
	client *http.Client
	exited chan struct{}
	cmd    *exec.Cmd
	mu     sync.Mutex
	out    bytes.Buffer
}

func (i *instance) Write(p []byte) (int, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.out.Write(p)
}

// log is what the instance has written so far.
func (i *instance) log() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.out.String()
}

// start runs a bootstrap on the files of a function; it skips if there is no interpreter.
func start(t *testing.T, rt fc.Runtime, files map[string]string, env ...string) *instance {
	t.Helper()
	code, layers := t.TempDir(), t.TempDir()
	for name, text := range files {
		file := filepath.Join(code, name)
		if layer, ok := strings.CutPrefix(name, "/opt/"); ok {
			file = filepath.Join(layers, layer)
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	command, err := shared.Command(rt, bootstrap.Paths{Code: code, Layers: layers})
	if err != nil {
		t.Skipf("SKIPPED, no interpreter for %s here: %v", rt, err)
	}
	i := &instance{t: t, socket: filepath.Join(t.TempDir(), "s"), exited: make(chan struct{})}
	listener, err := net.Listen("unix", i.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	file, err := listener.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	i.cmd = exec.Command(command[0], command[1:]...)
	i.cmd.Dir, i.cmd.Env, i.cmd.ExtraFiles = code, append([]string{"PATH=/usr/bin:/bin"}, env...), []*os.File{file}
	i.cmd.Stdout, i.cmd.Stderr = i, i
	if err := i.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = i.cmd.Wait()
		close(i.exited)
	}()
	i.client = &http.Client{Timeout: patience, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", i.socket)
		},
	}}
	t.Cleanup(func() {
		i.client.CloseIdleConnections()
		_ = i.cmd.Process.Kill()
		<-i.exited
		if t.Failed() {
			t.Logf("the instance wrote:\n%s", i.log())
		}
	})
	return i
}

// headers of every request of the tests, but the handler's.
var headers = map[string]string{
	"x-fc-request-id": "req-1", "x-fc-function-name": "fn", "x-fc-function-memory": "128", "x-fc-function-timeout": "60",
	"x-fc-access-key-id": "ak", "x-fc-access-key-secret": "sk", "x-fc-security-token": "st",
	"x-fc-region": "cn-test", "x-fc-account-id": "123", "x-fc-qualifier": "prod", "x-fc-version-id": "7",
	"x-fc-service-logproject": "lp", "x-fc-service-logstore": "ls", "x-fc-retry-count": "2",
	"x-fc-tracing-opentracing-span-context": "sc", "x-fc-tracing-jaeger-endpoint": "je",
	"x-fc-tracing-opentracing-span-baggages": "eyJhIjoiYiJ9",
}

// answer is what came back.
type answer struct {
	status    int
	errorType string
	body      string
}

// send makes one request; err only if no whole answer came.
func (i *instance) send(path, handler string, body io.Reader) (answer, error) {
	i.t.Helper()
	method, named := http.MethodPost, "x-fc-function-handler"
	switch path {
	case "/initialize":
		named = "x-fc-function-initializer"
	case "/pre-stop":
		method, named = http.MethodGet, "x-fc-instance-lifecycle-pre-stop-handler"
	}
	req, err := http.NewRequestWithContext(i.t.Context(), method, "http://instance"+path, body)
	if err != nil {
		i.t.Fatal(err)
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	req.Header.Set(named, handler)
	resp, err := i.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header.Get("x-fc-error-type"), string(text)}, err
}

func (i *instance) invoke(handler, event string) answer {
	i.t.Helper()
	a, err := i.send("/invoke", handler, strings.NewReader(event))
	if err != nil {
		i.t.Fatal(err)
	}
	return a
}

// waitLog waits until the instance has written text.
func (i *instance) waitLog(text string) {
	i.t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(i.log(), text); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			i.t.Errorf("the log has no %q", text)
			return
		}
	}
}

func (i *instance) waitExit(code int) {
	i.t.Helper()
	select {
	case <-i.exited:
		if got := i.cmd.ProcessState.ExitCode(); got != code {
			i.t.Errorf("exit status is %d, want %d", got, code)
		}
	case <-time.After(patience):
		i.t.Error("the process does not end")
	}
}

// call is one request of a table and what must come back; body may be a part.
type call struct {
	name    string
	path    string // "": /invoke
	handler string
	event   string
	want    answer
}

func (i *instance) check(calls []call) {
	for _, c := range calls {
		i.t.Run(c.name, func(t *testing.T) {
			if c.path == "" {
				c.path = "/invoke"
			}
			got, err := i.send(c.path, c.handler, strings.NewReader(c.event))
			if err != nil {
				t.Fatal(err)
			}
			if got.status != c.want.status || got.errorType != c.want.errorType {
				t.Errorf("answer is %+v, want %+v", got, c.want)
			}
			if c.want.status == http.StatusOK && got.body != c.want.body || !strings.Contains(got.body, c.want.body) {
				t.Errorf("body is %q, want %q", got.body, c.want.body)
			}
		})
	}
}

// checkTransport runs what any bootstrap must do with connections and bodies, on a handler
// that gives its event back.
func checkTransport(t *testing.T, i *instance, handler string) {
	t.Run("large bodies both ways", func(t *testing.T) {
		large := strings.Repeat("0123456789abcdef", 2<<20) // 32 MiB
		if got := i.invoke(handler, large); got.status != 200 || got.body != large {
			t.Errorf("status %d, %d bytes", got.status, len(got.body))
		}
	})
	t.Run("a chunked request", func(t *testing.T) {
		r, w := io.Pipe()
		go func() {
			for range 10 {
				_, _ = io.WriteString(w, strings.Repeat("chunk", 10_000))
			}
			w.Close()
		}()
		got, err := i.send("/invoke", handler, r)
		if err != nil || got.body != strings.Repeat("chunk", 100_000) {
			t.Errorf("%v, %d bytes", err, len(got.body))
		}
	})
	t.Run("many connections at once", func(t *testing.T) {
		var wg sync.WaitGroup
		for n := range 20 {
			wg.Go(func() {
				event := strings.Repeat("x", n)
				if got, err := i.send("/invoke", handler, strings.NewReader(event)); err != nil || got.body != event {
					t.Errorf("%v, %+v", err, got)
				}
			})
		}
		wg.Wait()
	})
	t.Run("an idle connection hinders nobody", func(t *testing.T) {
		idle, err := net.Dial("unix", i.socket)
		if err != nil {
			t.Fatal(err)
		}
		defer idle.Close()
		for range 3 {
			if got := i.invoke(handler, "event"); got.body != "event" {
				t.Errorf("answer is %+v", got)
			}
		}
	})
	t.Run("a peer that breaks off hinders nobody", func(t *testing.T) {
		for _, text := range []string{"", "POST /inv", "POST /invoke HTTP/1.1\r\ncontent-length: 100\r\n\r\nhalf", "nonsense\r\n\r\n"} {
			broken, err := net.Dial("unix", i.socket)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(broken, text)
			broken.Close()
		}
		if got := i.invoke(handler, "event"); got.body != "event" {
			t.Errorf("answer is %+v", got)
		}
	})
	t.Run("any other path is not found", func(t *testing.T) {
		if got, err := i.send("/other", handler, nil); err != nil || got.status != http.StatusNotFound {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestCommand(t *testing.T) {
	t.Run("a runtime without bootstrap is not supported", func(t *testing.T) {
		for _, rt := range []fc.Runtime{"custom", "go1", "java8", "python2.7", ""} {
			if _, err := shared.Command(rt, bootstrap.Paths{}); !errors.Is(err, fc.ErrUnsupported) {
				t.Errorf("%q: error is %v", rt, err)
			}
		}
	})
	t.Run("a node without interpreters says so", func(t *testing.T) {
		empty := t.TempDir()
		r, err := bootstrap.New(bootstrap.Config{Dir: t.TempDir(), Path: empty})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Command("python3.10", bootstrap.Paths{}); !errors.Is(err, fc.ErrUnsupported) || !strings.Contains(err.Error(), "no python3 in "+empty) {
			t.Errorf("error is %v", err)
		}
		if got := r.Available(); len(got) != 0 || r.Version("nodejs20") != "" {
			t.Errorf("available: %v", got)
		}
	})
	t.Run("a wrapper that fails is passed over", func(t *testing.T) {
		real, err := exec.LookPath("python3")
		if err != nil {
			t.Skip("SKIPPED, no python3 here")
		}
		bin := t.TempDir()
		wrapper := "#!/bin/sh\necho 'not installed' >&2\nexit 127\n"
		if err := errors.Join(
			os.WriteFile(filepath.Join(bin, "python3.10"), []byte(wrapper), 0o755),
			os.WriteFile(filepath.Join(bin, "python3"), []byte("#!/bin/sh\nexec "+real+" \"$@\"\n"), 0o755),
		); err != nil {
			t.Fatal(err)
		}
		r, err := bootstrap.New(bootstrap.Config{Dir: t.TempDir(), Path: bin, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		command, err := r.Command("python3.10", bootstrap.Paths{Bootstrap: bootstrap.Target, Code: "/code"})
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(command[0], bin) {
			t.Errorf("the wrapper itself is run: %q", command)
		}
		rest := strings.Join(command[1:], " ")
		if !strings.HasPrefix(rest, "-S -B "+bootstrap.Target+"/bootstrap-") || !strings.HasSuffix(rest, ".pyc /code /opt/python") {
			t.Errorf("command is %q", command)
		}
		if !strings.HasPrefix(r.Version("python3.10"), "3.") {
			t.Errorf("version is %q", r.Version("python3.10"))
		}
	})
}
