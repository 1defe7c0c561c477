package nodeagent

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/fc/fctest"
)

func request(method, uri string, body []byte) *fc.Invocation {
	in := fctest.Event("")
	in.Kind, in.Method, in.URI, in.Host, in.Remote = fc.HTTPCall, method, uri, "f.example:80", "10.1.2.3:456"
	in.Header = http.Header{}
	in.Body, in.Size = bytes.NewReader(body), int64(len(body))
	return in
}

func TestHTTPCallsPassThrough(t *testing.T) {
	a := openAgent(t, options{})
	started(t, a, "c-1", custom(t, 10))

	t.Run("request and answer are the function's and the client's own, the rest is the platform's", func(t *testing.T) {
		in := request("PUT", "/request?a=%2F&b", []byte("x"))
		in.RequestID, in.Attempt, in.Qualifier = "r-1", 2, "prod"
		in.Header = http.Header{
			"X-Fc-Request-Id": {"forged"}, "X-Fc-Region": {"forged"}, "X-Own": {"1", "2"}, "X-Forwarded-For": {"1.1.1.1"},
			"Connection": {"X-Hop"}, "X-Hop": {"1"}, "User-Agent": {"test"},
		}
		out := invoke(t, a, "c-1", in)
		var seen struct {
			Method, URI, Host string
			Header            http.Header
		}
		if err := json.Unmarshal([]byte(out.Body()), &seen); err != nil {
			t.Fatalf("%q: %v", out.Body(), err)
		}
		if seen.Method != "PUT" || seen.URI != "/request?a=%2F&b" || seen.Host != "f.example:80" {
			t.Errorf("the function saw %+v", seen)
		}
		for name, want := range map[string]string{
			"X-Fc-Request-Id": "r-1", "X-Fc-Region": "local", "X-Fc-Control-Path": "/http-invoke", "X-Fc-Function-Name": "f",
			"X-Fc-Function-Handler": "h", "X-Fc-Function-Memory": "128", "X-Fc-Function-Timeout": "20", "X-Fc-Account-Id": "1000",
			"X-Fc-Qualifier": "prod", "X-Fc-Version-Id": "LATEST", "X-Fc-Retry-Count": "2", "X-Own": "1|2", "X-Hop": "",
			"X-Forwarded-For": "1.1.1.1, 10.1.2.3", "X-Forwarded-Proto": "http", "X-Real-Ip": "10.1.2.3", "User-Agent": "test",
		} {
			if got := strings.Join(seen.Header[name], "|"); got != want {
				t.Errorf("the function saw %s: %q, want %q", name, got, want)
			}
		}
		for name, want := range map[string]string{
			"X-Fc-Secret": "", "Server": "", "Date": "", "Content-Length": "", "X-Kept": "1", "Set-Cookie": "a=1|b=2",
		} {
			if got := strings.Join(out.Header()[name], "|"); got != want {
				t.Errorf("the client saw %s: %q, want %q", name, got, want)
			}
		}
	})
	t.Run("bodies are echoed whole", func(t *testing.T) {
		for _, size := range []int{0, 1, 8 << 10, 64 << 10, 1 << 20} {
			body := make([]byte, size)
			rand.Read(body)
			for _, known := range []bool{true, false} {
				in := request("POST", "/echo", body)
				if !known {
					in.Size = -1
				}
				if out := invoke(t, a, "c-1", in); out.Body() != string(body) {
					t.Errorf("%d bytes of %d, size known: %t", len(out.Body()), size, known)
				}
			}
		}
	})
	t.Run("any status is the function's", func(t *testing.T) {
		for _, status := range []int{201, 404, 500, 503} {
			out := invoke(t, a, "c-1", request("GET", fmt.Sprintf("/status/%d", status), nil))
			if h, _ := out.Head(); h.Status != status || h.ErrorType != "" || out.Body() != "status" {
				t.Errorf("head %+v, body %q", h, out.Body())
			}
		}
	})
	t.Run("HEAD has a size and no body", func(t *testing.T) {
		out := invoke(t, a, "c-1", request("HEAD", "/status/200", nil))
		if h, _ := out.Head(); h.Size != 6 || out.Body() != "" {
			t.Errorf("head %+v, body %q", h, out.Body())
		}
	})
	t.Run("a head over 8 KiB is a bad response", func(t *testing.T) {
		invoke(t, a, "c-1", request("GET", "/header/7000", nil))
		out := &fctest.Answer{}
		err := a.Call(t.Context(), "c-1", request("GET", "/header/9000", nil), out)
		if _, begun := out.Head(); !errors.Is(err, fc.ErrBadResponse) || begun {
			t.Errorf("got %v, begun: %t", err, begun)
		}
	})
	t.Run("an answer that breaks off is aborted", func(t *testing.T) {
		out := &fctest.Answer{}
		err := a.Call(t.Context(), "c-1", request("GET", "/break", nil), out)
		if _, begun := out.Head(); !errors.Is(err, fc.ErrAborted) || !begun {
			t.Errorf("got %v, begun: %t", err, begun)
		}
	})
	t.Run("events of the server are flushed as they come", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		out := &fctest.Answer{}
		ended := make(chan error, 1)
		go func() { ended <- a.Call(ctx, "c-1", request("GET", "/events", nil), out) }()
		eventually(t, "the first event is flushed", out.Flushed)
		if out.Body() != "data: first\n\n" {
			t.Errorf("got %q", out.Body())
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// upgradable is an answer whose connection can be taken over.
type upgradable struct {
	fctest.Answer
	conn net.Conn
	head fc.Head
}

func (u *upgradable) Upgrade(h fc.Head) (io.ReadWriteCloser, error) {
	u.head = h
	return u.conn, nil
}

func TestUpgrade(t *testing.T) {
	a := openAgent(t, options{})
	started(t, a, "c-1", custom(t, 10))
	client, server := net.Pipe()
	out := &upgradable{conn: server}
	in := request("GET", "/upgrade", nil)
	in.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}
	ended := make(chan error, 1)
	go func() { ended <- a.Call(t.Context(), "c-1", in, out) }()
	io.WriteString(client, "hello\n")
	if line, err := bufio.NewReader(client).ReadString('\n'); err != nil || line != "HELLO\n" {
		t.Errorf("got %q, %v", line, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("call: %v", err)
	}
	if out.head.Status != http.StatusSwitchingProtocols || out.Header().Get("Upgrade") != "websocket" || out.Header().Get("Connection") == "" {
		t.Errorf("head %+v, header %v", out.head, out.Header())
	}
}

func TestDeadlineOfAConcurrentInstanceSparesItsNeighbours(t *testing.T) {
	a := openAgent(t, options{})
	started(t, a, "c-1", custom(t, 2, func(v *fc.Version) { v.Timeout = 10 * time.Second }))
	neighbour := make(chan string, 1)
	body, send := io.Pipe()
	go func() {
		in := request("POST", "/echo", nil)
		in.Body, in.Size = body, -1
		out := &fctest.Answer{}
		if err := a.Call(t.Context(), "c-1", in, out); err != nil {
			t.Errorf("the neighbour: %v", err)
		}
		neighbour <- out.Body()
	}()
	io.WriteString(send, "still ")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	out := &fctest.Answer{}
	if err := a.Call(ctx, "c-1", request("GET", "/hang", nil), out); err != nil {
		t.Fatal(err)
	}
	if h, _ := out.Head(); h.ErrorType != fc.UnhandledInvocationError || !strings.Contains(out.Body(), "Function timed out after 10 seconds") {
		t.Errorf("head %+v, body %q", h, out.Body())
	}
	if err := a.Call(t.Context(), "c-1", fctest.Event("x"), &fctest.Answer{}); !errors.Is(err, fc.ErrGone) {
		t.Errorf("the next call: %v", err)
	}
	io.WriteString(send, "here")
	send.Close()
	if got := <-neighbour; got != "still here" {
		t.Errorf("the neighbour got %q", got)
	}
	eventually(t, "the instance ends", func() bool { return a.table.size.Load() == 0 })
}

func TestDeadlineInTheMiddleOfAnAnswerAbortsIt(t *testing.T) {
	a := openAgent(t, options{})
	started(t, a, "c-1", custom(t, 1))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := a.Call(ctx, "c-1", request("GET", "/events", nil), &fctest.Answer{})
	if !errors.Is(err, fc.ErrAborted) {
		t.Errorf("got %v", err)
	}
	eventually(t, "the instance ends", func() bool { return a.table.size.Load() == 0 })
}
