package invoke

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/fcstack/fcstack/e2e/harness"
	wire "github.com/fcstack/fcstack/platform/api"
)

const anonymous = `{"authType":"anonymous","methods":["GET","POST","PUT","DELETE","HEAD"]}`

// A site is a function behind an HTTP trigger.
type site struct {
	platform *harness.Platform
	function string
	url      *url.URL
	client   *http.Client
}

// newSite serves the probe. Its client finds the trigger's host on the platform, as a
// name server would.
func newSite(t *testing.T, config string) site {
	t.Helper()
	p := harness.Shared(t)
	f := harness.Create(t, p, harness.Probe(t))
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, p.Host())
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return site{p, f, harness.Trigger(t, p, f, config), &http.Client{Transport: transport}}
}

// do sends a request and reads the answer whole.
func (s site) do(t *testing.T, method, path, body string, header http.Header) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, s.url.Scheme+"://"+s.url.Host+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		r.Header = header
	}
	resp, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(all)
}

func TestARequestArrivesAsItWasSent(t *testing.T) {
	s := newSite(t, anonymous)
	resp, body := s.do(t, "PUT", "/a%20b/c?x=1&y=%2F&x=2", "some body", http.Header{
		"X-Mine": {"1"}, "X-Fc-Forged": {"1"}, "Content-Type": {"text/plain"},
	})
	told := harness.Decode(t, body)
	if resp.StatusCode != 200 || told.Method != "PUT" || told.URI != "/a%20b/c?x=1&y=%2F&x=2" || told.Length != len("some body") {
		t.Errorf("status %d; the function saw %s %s with %d bytes", resp.StatusCode, told.Method, told.URI, told.Length)
	}
	if told.Host != s.url.Host || told.Header.Get("X-Mine") != "1" || told.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("the function saw host %q and %v", told.Host, told.Header)
	}
	if told.Header.Get("X-Fc-Forged") != "" || told.Header.Get("X-Fc-Control-Path") != "/http-invoke" || told.Header.Get("X-Forwarded-For") == "" {
		t.Errorf("the function saw %v", told.Header)
	}
	if told.Header.Get("X-Fc-Request-Id") != resp.Header.Get("X-Fc-Request-Id") {
		t.Error("function and caller saw different request ids")
	}
}

func TestATriggerIsReachedByPathToo(t *testing.T) {
	s := newSite(t, anonymous)
	out, err := harness.SDK(t, s.platform).GetTrigger(&s.function, new("http"))
	if err != nil {
		t.Fatal(err)
	}
	byPath := *out.Body.HttpTrigger.UrlIntranet
	if strings.Contains(byPath, s.url.Host) {
		t.Fatalf("both URLs need the host: %s and %s", s.url, byPath)
	}
	resp, err := http.Get(strings.TrimRight(byPath, "/") + "/deep/er?q=1") // no name server, no Host header
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 || harness.Decode(t, string(body)).URI != "/deep/er?q=1" {
		t.Errorf("status %d, %s", resp.StatusCode, body)
	}
}

func TestAnAnswerComesBackAsItWasGiven(t *testing.T) {
	s := newSite(t, anonymous)
	for _, code := range []string{"201", "204", "302", "404", "500", "503"} {
		s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		if resp, _ := s.do(t, "GET", "/status/"+code, "", nil); !strings.HasPrefix(resp.Status, code) {
			t.Errorf("status %s became %s", code, resp.Status)
		}
	}
	resp, _ := s.do(t, "GET", "/headers?n=100", "", nil)
	if h := resp.Header; len(h.Values("Set-Cookie")) != 2 || len(h.Get("X-Long")) != 100 || h.Get("X-Fc-Made-Up") != "" ||
		h.Get("X-Fc-Request-Id") == "forged" || h.Get("Server") == "dropped" {
		t.Errorf("headers are %v", h)
	}
	if resp, body := s.do(t, "GET", "/headers?n=9000", "", nil); resp.StatusCode != 502 || !strings.Contains(body, "BadResponse") {
		t.Errorf("too many headers answer %d %s", resp.StatusCode, body)
	}
	if resp, body := s.do(t, "HEAD", "/", "", nil); resp.StatusCode != 200 || body != "" {
		t.Errorf("HEAD answers %d with %d bytes", resp.StatusCode, len(body))
	}
}

func TestWhoMayCallATrigger(t *testing.T) {
	open := newSite(t, `{"authType":"anonymous","methods":["GET"]}`)
	closed := newSite(t, `{"authType":"function","methods":["GET"]}`)
	if resp, body := open.do(t, "POST", "/", "x", nil); resp.StatusCode != 403 {
		t.Errorf("a method that is not allowed answers %d %s", resp.StatusCode, body)
	}
	if resp, body := closed.do(t, "GET", "/", "", nil); resp.StatusCode != 403 && resp.StatusCode != 400 {
		t.Errorf("an unsigned call answers %d %s", resp.StatusCode, body)
	}
	for _, scheme := range []wire.Scheme{wire.ACS3, wire.ROA, wire.FC} {
		for _, secret := range []string{closed.platform.Secret(), "wrong"} {
			r, err := http.NewRequest("GET", closed.url.Scheme+"://"+closed.url.Host+"/signed?a=1", nil)
			if err != nil {
				t.Fatal(err)
			}
			wire.Sign(r, wire.Credentials{AccessKeyID: closed.platform.Key(), AccessKeySecret: secret},
				wire.SignOptions{Scheme: scheme, Action: "InvokeFunction", Trigger: true})
			resp, err := closed.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if ok := resp.StatusCode == 200; ok != (secret != "wrong") {
				t.Errorf("scheme %d with secret right=%v answers %d", scheme, secret != "wrong", resp.StatusCode)
			}
		}
	}
}

func TestAHostNobodyHas(t *testing.T) {
	s := newSite(t, anonymous)
	s.url.Host = "nobody-000000." + strings.SplitN(s.url.Host, ".", 2)[1]
	if resp, body := s.do(t, "GET", "/", "", nil); resp.StatusCode != 404 || !strings.Contains(body, "RequestId") {
		t.Errorf("answers %d %s", resp.StatusCode, body)
	}
}

func TestAFailureOfAWebFunctionIs502(t *testing.T) {
	s := newSite(t, anonymous)
	p := harness.Shared(t)
	f := probe(t, p, "bad initializer", initializer(5))
	s.url = harness.Trigger(t, p, f, anonymous)
	if resp, body := s.do(t, "GET", "/", "", nil); resp.StatusCode != 502 || resp.Header.Get("X-Fc-Error-Type") == "" {
		t.Errorf("answers %d %v %s", resp.StatusCode, resp.Header, body)
	}
}

func TestEventsAreStreamed(t *testing.T) {
	s := newSite(t, anonymous)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", s.url.Scheme+"://"+s.url.Host+"/sse", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for _, want := range []string{"data: 0", "", "data: 1", "", "data: 2"} { // the handler has not returned yet
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("read %q (%v), want %q", lines.Text(), lines.Err(), want)
		}
	}
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("content type is %q", got)
	}
	cancel()
	s.waitForLeft(t, 1)
}

// waitForLeft waits until the function has noticed that so many callers went away.
func (s site) waitForLeft(t *testing.T, n int64) {
	t.Helper()
	harness.Eventually(t, "the function notices that its caller left", func() bool {
		_, body := s.do(t, "GET", "/", "", nil)
		return harness.Decode(t, body).Left >= n
	})
}

func TestACallerThatLeavesCancelsTheCall(t *testing.T) {
	s := newSite(t, anonymous)
	s.do(t, "GET", "/", "", nil) // there is an instance
	c, err := net.Dial("tcp", s.platform.Host())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET /hold HTTP/1.1\r\nHost: "+s.url.Host+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, "the call begins", func() bool {
		_, body := s.do(t, "GET", "/", "", nil)
		return harness.Decode(t, body).Running == 2
	})
	c.Close()
	s.waitForLeft(t, 1)
}

func TestABodyIsStreamedBothWaysAtOnce(t *testing.T) {
	s := newSite(t, anonymous)
	s.do(t, "GET", "/", "", nil)
	in, out := io.Pipe()
	r, err := http.NewRequest("POST", s.url.Scheme+"://"+s.url.Host+"/echo", in) // chunked: its length is not known
	if err != nil {
		t.Fatal(err)
	}
	first := []byte("first part")
	go func() { _, _ = out.Write(first) }()
	resp, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got := make([]byte, len(first))
	if _, err := io.ReadFull(resp.Body, got); err != nil || !bytes.Equal(got, first) {
		t.Fatalf("before the rest was sent, read %q (%v)", got, err)
	}
	rest := bytes.Repeat([]byte("0123456789abcdef"), 4<<16) // 4 MiB
	go func() {
		_, _ = out.Write(rest)
		out.Close()
	}()
	all, err := io.ReadAll(resp.Body)
	if err != nil || sha256.Sum256(all) != sha256.Sum256(rest) {
		t.Errorf("of %d bytes %d came back (%v)", len(rest), len(all), err)
	}
}

func TestWebSocket(t *testing.T) {
	s := newSite(t, anonymous)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "ws://"+s.url.Host+"/ws", &websocket.DialOptions{HTTPClient: s.client})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	c.SetReadLimit(1 << 20)
	for _, message := range []string{"one", "", strings.Repeat("long ", 20_000)} {
		if err := c.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
			t.Fatal(err)
		}
		kind, got, err := c.Read(ctx)
		if err != nil || kind != websocket.MessageText || string(got) != "echo "+message {
			t.Fatalf("%d bytes became %d (%v)", len(message), len(got), err)
		}
	}
	if err := c.Close(websocket.StatusNormalClosure, "done"); err != nil {
		t.Error(err)
	}
}
