package httpx

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// serve runs a real server and returns a pool that dials it, counting connections.
func serve(t testing.TB, h http.Handler) (*Pool, *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return poolTo(t, l.Addr().String())
}

func poolTo(t testing.TB, addr string) (*Pool, *atomic.Int32) {
	var dials atomic.Int32
	p := NewPool(func(ctx context.Context) (net.Conn, error) {
		dials.Add(1)
		return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	}, 100, 8<<10)
	t.Cleanup(p.Close)
	return p, &dials
}

// script runs a server that reads one request head and then writes what is given.
func script(t *testing.T, answers ...string) *Pool {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for _, answer := range answers {
			c, err := l.Accept()
			if err != nil {
				return
			}
			http.ReadRequest(bufio.NewReader(c))
			io.WriteString(c, answer)
			c.Close()
		}
	}()
	p, _ := poolTo(t, l.Addr().String())
	return p
}

func get(uri string) *Request { return &Request{Method: "GET", URI: uri, Host: "f.example"} }

func echo(w http.ResponseWriter, r *http.Request) {
	http.NewResponseController(w).EnableFullDuplex()
	if r.ContentLength >= 0 {
		w.Header().Set("Content-Length", fmt.Sprint(r.ContentLength))
	}
	io.Copy(w, r.Body)
}

func readAll(t *testing.T, r *Response) []byte {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	return b
}

func TestBodiesComeBackWhole(t *testing.T) {
	p, dials := serve(t, http.HandlerFunc(echo))
	for _, size := range []int{0, 1, 100, inline - 1, inline, inline + 1, 64 << 10, 1 << 20} {
		for _, known := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d bytes, size known: %t", size, known), func(t *testing.T) {
				body := make([]byte, size)
				rand.Read(body)
				req := &Request{Method: "POST", URI: "/", Host: "f", Body: bytes.NewReader(body), Size: int64(size)}
				if !known {
					req.Size = -1
				}
				resp, err := p.Do(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				if got := readAll(t, resp); !bytes.Equal(got, body) {
					t.Fatalf("got %d bytes that differ from the %d sent", len(got), size)
				}
			})
		}
	}
	if n := dials.Load(); n != 1 {
		t.Errorf("%d connections were opened for requests one after the other", n)
	}
}

func TestManyAtOnceAreNeverTruncated(t *testing.T) {
	p, dials := serve(t, http.HandlerFunc(echo))
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			body := bytes.Repeat([]byte{byte('a' + worker)}, 64<<10)
			for range 200 {
				resp, err := p.Do(t.Context(), &Request{Method: "POST", URI: "/", Host: "f", Body: bytes.NewReader(body), Size: int64(len(body))})
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(resp)
				resp.Close()
				if err != nil || !bytes.Equal(got, body) {
					t.Errorf("%d bytes, err %v", len(got), err)
					return
				}
			}
		})
	}
	wait.Wait()
	// A connection is not kept if its request seems unfinished; that is rare.
	if n := dials.Load(); n > 80 {
		t.Errorf("%d connections for 1600 requests of 8 workers", n)
	}
}

func TestHeaders(t *testing.T) {
	seen := make(chan *http.Request, 1)
	p, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		w.Header()["X-Two"] = []string{"1", "2"}
		w.Header().Set("ETag", `"e"`)
		w.WriteHeader(http.StatusTeapot)
	}))
	req := get("/a%2Fb?x=1&y")
	req.Header = http.Header{
		"Connection": {"close, X-Hop"}, "X-Hop": {"1"}, "Keep-Alive": {"5"}, "Transfer-Encoding": {"chunked"},
		"X-Fc-Spoofed": {"1"}, "X-Kept": {"a", "b\r\nInjected: 1"},
	}
	req.Drop = func(name string) bool { return strings.HasPrefix(name, "X-Fc-") }
	req.Extra = AppendField(nil, "X-Fc-Request-Id", "r1")
	resp, err := p.Do(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	r := <-seen
	if r.RequestURI != "/a%2Fb?x=1&y" || r.Host != "f.example" {
		t.Errorf("the server saw %s of %s", r.RequestURI, r.Host)
	}
	for name, want := range map[string]string{
		"X-Hop": "", "Keep-Alive": "", "X-Fc-Spoofed": "", "Injected": "", "X-Fc-Request-Id": "r1", "X-Kept": "a,b  Injected: 1",
	} {
		if got := strings.Join(r.Header[name], ","); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if resp.Status() != http.StatusTeapot {
		t.Errorf("status %d", resp.Status())
	}
	got := map[string]int{}
	for _, f := range resp.Fields() {
		got[f.Name]++
	}
	if got["X-Two"] != 2 || got["Etag"] != 1 {
		t.Errorf("fields %v", resp.Fields())
	}
	resp.Close()
}

func TestAnswersThatEndInOtherWays(t *testing.T) {
	for _, c := range []struct{ name, method, answer, body string }{
		{"no body after HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", ""},
		{"no body with 204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", ""},
		{"no body with 304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", ""},
		{"interim answers are skipped", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"},
		{"until the connection ends", "GET", "HTTP/1.0 200 OK\r\n\r\nall of it", "all of it"},
		{"chunked with a trailer", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n", "abc"},
		{"no reason", "GET", "HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", "x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, err := script(t, c.answer).Do(t.Context(), &Request{Method: c.method, URI: "/", Host: "f"})
			if err != nil {
				t.Fatal(err)
			}
			if got := readAll(t, resp); string(got) != c.body {
				t.Errorf("body %q, want %q", got, c.body)
			}
		})
	}
}

func TestWrongAnswersAreErrors(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		want         error
	}{
		{"nothing", "", io.EOF},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-", io.ErrUnexpectedEOF},
		{"not HTTP", "SSH-2.0-OpenSSH_9.2p1 Debian\r\n\r\n", ErrMalformed},
		{"an absurd status", "HTTP/1.1 abc OK\r\n\r\n", ErrMalformed},
		{"a line without a colon", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", ErrMalformed},
		{"a folded line", "HTTP/1.1 200 OK\r\nX-A: 1\r\n b: 2\r\n\r\n", ErrMalformed},
		{"a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", ErrMalformed},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", ErrMalformed},
		{"an unknown encoding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", ErrMalformed},
		{"a switch nobody asked for", "HTTP/1.1 101 Switching Protocols\r\n\r\n", ErrMalformed},
		{"a head over 8 KiB", "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", 8<<10) + "\r\n\r\n", ErrHeaderTooLarge},
		{"a head over all buffers", "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", ErrHeaderTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := script(t, c.answer).Do(t.Context(), get("/"))
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	t.Run("a body that breaks off", func(t *testing.T) {
		resp, err := script(t, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").Do(t.Context(), get("/"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Close()
		if _, err := io.ReadAll(resp); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTheCallersEndIsTheEnd(t *testing.T) {
	begun := make(chan struct{}, 1)
	ended := make(chan struct{}, 1)
	p, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-r.Context().Done()
		ended <- struct{}{}
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	if _, err := p.Do(ctx, get("/")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-ended

	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.Do(ctx, get("/")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	<-begun
	<-ended
}

func TestABodyThatFailsFailsTheRequest(t *testing.T) {
	p, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	broken := errors.New("client left")
	for _, size := range []int64{100, 1 << 20, -1} {
		body := io.MultiReader(strings.NewReader("abc"), &failing{broken})
		_, err := p.Do(t.Context(), &Request{Method: "POST", URI: "/", Host: "f", Body: body, Size: size})
		if err == nil {
			t.Errorf("size %d: no error", size)
		}
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestAnAnswerBeforeTheBodyIsRead(t *testing.T) {
	p, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}))
	pr, pw := io.Pipe()
	defer pw.Close()
	resp, err := p.Do(t.Context(), &Request{Method: "POST", URI: "/", Host: "f", Body: pr, Size: -1})
	if err != nil {
		t.Fatal(err)
	}
	if resp.Status() != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", resp.Status())
	}
	resp.Close() // must not wait for a body that never comes
}

func TestTheReaderHearsBeforeItWaits(t *testing.T) {
	waited := make(chan struct{}, 10)
	p, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 3 {
			io.WriteString(w, "event")
			http.NewResponseController(w).Flush()
			<-waited // the client has seen it, or nothing more ever comes
		}
	}))
	resp, err := p.Do(t.Context(), get("/"))
	if err != nil {
		t.Fatal(err)
	}
	resp.BeforeWait(func() { waited <- struct{}{} })
	if got := readAll(t, resp); string(got) != "eventeventevent" {
		t.Errorf("%q", got)
	}
	if p.idle[0].waits != nil {
		t.Error("the next request would call the hook of this one")
	}
}

func TestUpgrade(t *testing.T) {
	p, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "echo" {
			t.Errorf("headers %v", r.Header)
		}
		c, rw, _ := http.NewResponseController(w).Hijack()
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello ")
		line, _ := rw.ReadString('\n')
		io.WriteString(c, line)
	}))
	req := get("/")
	req.Header = http.Header{"Connection": {"keep-alive, Upgrade"}, "Upgrade": {"echo"}}
	resp, err := p.Do(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if !resp.Upgraded() {
		t.Fatalf("status %d", resp.Status())
	}
	c := resp.Takeover()
	defer c.Close()
	io.WriteString(c, "world\n")
	if got, err := io.ReadAll(c); err != nil || string(got) != "hello world\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAConnectionClosedWhileIdleIsNotUsed(t *testing.T) {
	s := &http.Server{IdleTimeout: 20 * time.Millisecond, Handler: http.HandlerFunc(echo)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{}, 10)
	s.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	go s.Serve(l)
	defer s.Close()
	p, dials := poolTo(t, l.Addr().String())
	for range 2 {
		resp, err := p.Do(t.Context(), &Request{Method: "POST", URI: "/", Host: "f", Body: strings.NewReader("x"), Size: 1})
		if err != nil {
			t.Fatal(err)
		}
		readAll(t, resp)
		<-closed
		// The close is visible once it was sent; age the connection so that it is looked at.
		p.mu.Lock()
		for _, c := range p.idle {
			c.parked = time.Time{}
		}
		p.mu.Unlock()
	}
	if dials.Load() != 2 {
		t.Errorf("%d connections", dials.Load())
	}
}

func TestARefusedConnectionIsErrDial(t *testing.T) {
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	l.Close()
	p, _ := poolTo(t, l.Addr().String())
	if _, err := p.Do(t.Context(), get("/")); !errors.Is(err, ErrDial) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkSmallPost(b *testing.B) {
	p, _ := serve(b, http.HandlerFunc(echo))
	body := strings.Repeat("x", 64)
	h := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"bench"}}
	b.ReportAllocs()
	for b.Loop() {
		resp, err := p.Do(b.Context(), &Request{Method: "POST", URI: "/", Host: "f", Header: h, Body: strings.NewReader(body), Size: 64})
		if err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, resp)
		resp.Close()
	}
}
