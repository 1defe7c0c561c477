package bootstrap_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/fcstack/fcstack/platform/backend/sandbox"
	"github.com/fcstack/fcstack/platform/backend/sandbox/process"
	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/module/nodeagent/bootstrap"
)

func driver(t testing.TB) *process.Driver {
	t.Helper()
	d, err := process.New(process.Config{Log: slog.New(slog.DiscardHandler)})
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

// firstAnswer starts a sandbox, sends it one call over a new connection, ends it, and
// gives the answer.
func firstAnswer(t testing.TB, d sandbox.Driver, spec sandbox.Spec) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	file, err := listener.File()
	listener.Close()
	if err != nil {
		t.Fatal(err)
	}
	spec.Files = []*os.File{file}
	s, err := d.Start(t.Context(), spec)
	file.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = s.Kill()
		<-s.Exited()
	}()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	req, _ := http.NewRequest(http.MethodPost, "http://instance/invoke", strings.NewReader("event"))
	req.Header.Set("x-fc-function-handler", "index.handler")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// functions say where they are and what they find in /tmp.
var functions = map[fc.Runtime]map[string]string{
	"python3.12": {"index.py": "import os\ndef handler(e, c): return ' '.join([__file__, os.getcwd()] + os.listdir('/tmp'))"},
	"nodejs20":   {"index.js": "exports.handler = async () => [__filename, process.cwd(), ...require('fs').readdirSync('/tmp')].join(' ')"},
}

func TestHandlersRunInsideMounts(t *testing.T) {
	d := driver(t)
	if !d.Mounts() {
		t.Skip("SKIPPED, this driver shows no mounts here")
	}
	for rt, files := range functions {
		t.Run(string(rt), func(t *testing.T) {
			code, tmp := t.TempDir(), t.TempDir()
			var file string
			for name, text := range files {
				file = name
				if err := os.WriteFile(filepath.Join(code, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(tmp, "own"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			command, err := shared.Command(rt, bootstrap.Paths{Bootstrap: bootstrap.Target, Code: "/code"})
			if err != nil {
				t.Skipf("SKIPPED: %v", err)
			}
			got := firstAnswer(t, d, sandbox.Spec{
				ID: "a", Command: command, Env: []string{"PATH=/usr/bin:/bin"}, Dir: "/code", Stderr: os.Stderr,
				Mounts: []sandbox.Mount{
					{Source: code, Target: "/code", ReadOnly: true},
					{Source: shared.Dir(), Target: bootstrap.Target, ReadOnly: true},
					{Source: tmp, Target: "/tmp"},
				},
			})
			if want := fmt.Sprintf("/code/%s /code own", file); got != want {
				t.Errorf("answer is %q, want %q", got, want)
			}
		})
	}
}

// bare are the least servers these interpreters can run, to compare with.
var bare = map[fc.Runtime]struct{ name, text string }{
	"python3.12": {"bare.py", `
import _socket
listener = _socket.socket(fileno=3)
while True:
    fd, _ = listener._accept()
    c = _socket.socket(fileno=fd)
    read = b""
    while b"event" not in read:
        read += c.recv(65536)
    c.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nevent")
`},
	"nodejs20": {"bare.js", `
require('http').createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => response.end(Buffer.concat(parts)));
}).listen({ fd: 3 });
`},
}

// BenchmarkFirstAnswer is a cold start, of the bootstrap and of the bare server.
func BenchmarkFirstAnswer(b *testing.B) {
	echo := map[string]string{"index.py": "def handler(e, c): return e", "index.js": "exports.handler = (e, c, callback) => callback(null, e);"}
	d := driver(b)
	n := 0
	for _, rt := range []fc.Runtime{"python3.12", "nodejs20"} {
		code := b.TempDir()
		for name, text := range echo {
			if err := os.WriteFile(filepath.Join(code, name), []byte(text), 0o644); err != nil {
				b.Fatal(err)
			}
		}
		program := filepath.Join(code, bare[rt].name)
		if err := os.WriteFile(program, []byte(bare[rt].text), 0o644); err != nil {
			b.Fatal(err)
		}
		command, err := shared.Command(rt, bootstrap.Paths{Code: code})
		if err != nil {
			b.Skipf("SKIPPED: %v", err)
		}
		least := []string{command[0], program}
		if strings.HasPrefix(string(rt), "python") {
			least = []string{command[0], "-I", "-S", program}
		}
		for _, c := range []struct {
			name    string
			command []string
		}{{"bare", least}, {"bootstrap", command}} {
			b.Run(string(rt)+"/"+c.name, func(b *testing.B) {
				for b.Loop() {
					n++
					if got := firstAnswer(b, d, sandbox.Spec{ID: strconv.Itoa(n), Command: c.command, Dir: code, Env: []string{"PATH=/usr/bin:/bin"}}); got != "event" {
						b.Fatalf("answer is %q", got)
					}
				}
			})
		}
	}
}
