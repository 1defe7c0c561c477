package server

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// script is a connection whose client sends its input, step bytes at a time, half-closes,
// and keeps what it gets. There is no network that could lose the end of an answer.
type script struct {
	mu     sync.Mutex
	in     []byte
	step   int
	out    bytes.Buffer
	closed chan struct{}
	once   sync.Once
}

func (s *script) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.in[:min(s.step, len(s.in))])
	s.in = s.in[n:]
	return n, nil
}

func (s *script) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

func (s *script) Close() error                     { s.once.Do(func() { close(s.closed) }); return nil }
func (s *script) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// stage is a listener that hands out scripts.
type stage struct {
	next   chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newStage() *stage { return &stage{next: make(chan net.Conn), closed: make(chan struct{})} }

func (s *stage) Accept() (net.Conn, error) {
	select {
	case c := <-s.next:
		return c, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *stage) Close() error   { s.once.Do(func() { close(s.closed) }); return nil }
func (s *stage) Addr() net.Addr { return &net.TCPAddr{} }

// play returns what a server answers to the input.
func (s *stage) play(tb testing.TB, input string, step int) []byte {
	c := &script{in: []byte(input), step: step, closed: make(chan struct{})}
	s.next <- c
	select {
	case <-c.closed:
	case <-time.After(patience):
		tb.Fatalf("no end of the connection after %q", input)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Bytes()
}

// pair is the two servers with one handler.
type pair struct{ std, own *stage }

func newPair(tb testing.TB, h http.Handler) pair {
	p := pair{newStage(), newStage()}
	// Not full duplex: there, net/http takes what follows a malformed body for a request.
	std := &http.Server{Handler: h, MaxHeaderBytes: 4 << 10, ErrorLog: log.New(io.Discard, "", 0)}
	own := &Server{Handler: h, MaxHeaderBytes: 4 << 10}
	var done sync.WaitGroup
	done.Go(func() { _ = std.Serve(p.std) })
	done.Go(func() { _ = own.Serve(p.own) })
	tb.Cleanup(func() { _, _ = std.Close(), own.Close(); done.Wait() })
	return p
}

// same checks that both servers answer the input alike, whatever the size of the reads.
func (p pair) same(t *testing.T, input string, steps ...int) {
	t.Helper()
	want := digest(p.std.play(t, input, 1<<20), input)
	for _, step := range append(steps, 1<<20) {
		if got := digest(p.own.play(t, input, step), input); got != want {
			t.Errorf("input %q, %d bytes at a time\n got %s\nwant %s", input, step, got, want)
		}
	}
}

// digest is what matters of the answers: not the date, nor the wording of refusals.
func digest(raw []byte, input string) string {
	var b strings.Builder
	br := bufio.NewReader(bytes.NewReader(raw))
	method, _, _ := strings.Cut(input, " ")
	for {
		resp, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			if !errors.Is(err, io.ErrUnexpectedEOF) || br.Buffered() > 0 {
				fmt.Fprintf(&b, "<%v>", err)
			}
			return b.String()
		}
		body, err := io.ReadAll(resp.Body)
		fmt.Fprintf(&b, "\n%s %d close=%v", resp.Proto, resp.StatusCode, resp.Close)
		if resp.StatusCode >= 400 && resp.Header.Get("X-Handler") == "" {
			continue
		}
		if resp.Header.Get("Date") == "" && resp.StatusCode >= 200 {
			b.WriteString(" (no date)")
		}
		resp.Header.Del("Date")
		fmt.Fprintf(&b, " length=%d te=%q %s trailer %s err=%v\n%q",
			resp.ContentLength, resp.TransferEncoding, fields(resp.Header), fields(resp.Trailer), err, body)
	}
}

func fields(h http.Header) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(h)) {
		fmt.Fprintf(&b, "%s=%q;", k, h[k])
	}
	return b.String()
}

// describe answers with all that a handler can know of its request.
func describe(w http.ResponseWriter, r *http.Request) {
	var b strings.Builder
	body, err := io.ReadAll(r.Body)
	fmt.Fprintf(&b, "%s %s (%q %q %q %q) %s host=%q length=%d te=%q close=%v %s\n", r.Method, r.RequestURI,
		r.URL.Scheme, r.URL.Host, r.URL.Path, r.URL.RawQuery, r.Proto, r.Host, r.ContentLength,
		r.TransferEncoding, r.Close, fields(r.Header))
	fmt.Fprintf(&b, "body %q failed=%v trailer %s", body, err != nil, fields(r.Trailer))
	if !strings.HasPrefix(r.Host, "nodescribe") {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", fmt.Sprint(b.Len()))
		io.WriteString(w, b.String())
	}
}

// requests are inputs that both servers must take, or refuse, alike.
var requests = []struct{ name, input string }{
	{"a plain request", "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"several requests at once", "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"a line break behind a POST", "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc\r\nGET /3 HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"a line break behind a GET", "GET / HTTP/1.1\r\nHost: x\r\n\r\n\r\nGET /3 HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"a line break first", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"no Host", "GET / HTTP/1.1\r\n\r\n"},
	{"no Host in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n"},
	{"no Host in a CONNECT", "CONNECT x:1 HTTP/1.1\r\n\r\n"},
	{"CONNECT to a path", "CONNECT /rpc HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
	{"two Hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"},
	{"a malformed Host", "GET / HTTP/1.1\r\nHost: x y\r\n\r\n"},
	{"a malformed Host with an absolute target", "GET http://a/ HTTP/1.1\r\nHost: x\"y\r\n\r\n"},
	{"an absolute target", "GET http://a:1/b?c HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"an absolute target without a Host", "GET http://a:1/b?c HTTP/1.1\r\n\r\n"},
	{"a target that is none", "GET a HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"an escape that is none", "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"an escaped slash", "GET /a%2fb//c HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"GET *", "GET * HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"too few words", "GET /\r\nHost: x\r\n\r\n"},
	{"too many words", "GET / HTTP/1.1 \r\nHost: x\r\n\r\n"},
	{"a method that is no token", "G(T / HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"no method", " / HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"a method in lower case", "get / HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"HTTP/1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n"},
	{"HTTP/2.0", "GET / HTTP/2.0\r\nHost: x\r\n\r\n"},
	{"HTTP/0.9", "GET / HTTP/0.9\r\nHost: x\r\n\r\n"},
	{"a version that is none", "GET / HTTP/1\r\nHost: x\r\n\r\n"},
	{"a version in lower case", "GET / http/1.1\r\nHost: x\r\n\r\n"},
	{"garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n"},
	{"an incomplete request line", "GET / HT"},
	{"an incomplete head", "GET / HTTP/1.1\r\nHost: x\r\n"},
	{"two bytes", "GE"},
	{"nothing", ""},
	{"two bytes behind a request", "GET / HTTP/1.1\r\nHost: x\r\n\r\nGE"},
	{"bare line feeds", "GET / HTTP/1.1\nHost: x\nA: b\n\n"},
	{"a carriage return in a value", "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n"},
	{"two carriage returns", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\r\n\r\n"},
	{"a zero byte in a value", "GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n"},
	{"bytes above ASCII in a value", "GET / HTTP/1.1\r\nHost: x\r\nA: \xff\xfe\r\n\r\n"},
	{"a tab in a value", "GET / HTTP/1.1\r\nHost: x\r\nA: \t b\tc \t\r\n\r\n"},
	{"a space before the colon", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc"},
	{"a space in a name", "GET / HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n"},
	{"an empty name", "GET / HTTP/1.1\r\nHost: x\r\n: c\r\n\r\n"},
	{"a line without a colon", "GET / HTTP/1.1\r\nHost: x\r\nabc\r\n\r\n"},
	{"names in any case", "GET / HTTP/1.1\r\nhOST: x\r\nx-FOO-bar: 1\r\nX-Foo-Bar: 2\r\n\r\n"},
	{"a folded value", "GET / HTTP/1.1\r\nHost: x\r\nA: b \r\n  c\r\n\t\r\n d\r\nE: f\r\n\r\n"},
	{"a folded empty value", "GET / HTTP/1.1\r\nHost: x\r\nA:\r\n b\r\n\r\n"},
	{"a folded first line", "GET / HTTP/1.1\r\n A: b\r\nHost: x\r\n\r\n"},
	{"a folded Content-Length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n 2\r\n\r\nabcdefghijkl"},
	{"Pragma", "GET / HTTP/1.1\r\nHost: x\r\nPragma: no-cache\r\n\r\n"},
	{"a large head", "GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 6000) + "\r\nB: c\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"a head that is too large", "GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 9000) + "\r\n\r\n"},
	{"a request line that is too large", "GET /" + strings.Repeat("a", 9000) + " HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"a line without an end", strings.Repeat("a", 9000)},

	{"a chunked body", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"a chunked body with a trailer", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\nTrailer: a, B\r\n\r\n3\r\nabc\r\n0\r\na: 1\r\nc: 2\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"a trailer that may not be one", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\n\r\n"},
	{"Trailer without chunks", "POST / HTTP/1.1\r\nHost: x\r\nTrailer: a\r\nContent-Length: 1\r\n\r\na"},
	{"a malformed trailer", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nabc\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"a trailer that is too long", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: " + strings.Repeat("b", 5000) + "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"a chunk size that is none", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"a chunk size ended by a bare line feed", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n"},
	{"a chunk that is too long", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n"},
	{"a chunked body cut off", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"},
	{"a sized body cut off", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc"},
	{"chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabcGET / HTTP/1.0\r\n\r\n"},
	{"both framings", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"both framings, one bad", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: x\r\n\r\n0\r\n\r\n"},
	{"two encodings", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
	{"two encoding fields", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"identity", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n"},
	{"an encoding with a vertical tab", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n"},
	{"an unknown encoding and version", "POST / HTTP/3.0\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"},
	{"two equal lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
	{"two different lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"},
	{"a list of lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc"},
	{"a length with a sign", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc"},
	{"a negative length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\nabc"},
	{"an empty length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\nabc"},
	{"a hexadecimal length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x3\r\n\r\nabc"},
	{"a length beyond 63 bits", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775808\r\n\r\n"},
	{"a body of a GET", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"an expectation", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\nabcGET / HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"an expectation without a body", "GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n"},
	{"an expectation in HTTP/1.0", "POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc"},
	{"an unknown expectation", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: tea\r\n\r\nabc"},
	{"Connection: close", "GET / HTTP/1.1\r\nHost: x\r\nConnection: x, Close\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"HTTP/1.0 is closed", "GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n"},
	{"HTTP/1.0 with keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n"},
}

func TestRequestsAreTakenAndRefusedAsNetHTTPDoes(t *testing.T) {
	p := newPair(t, http.HandlerFunc(describe))
	for _, r := range requests {
		t.Run(r.name, func(t *testing.T) { p.same(t, r.input, 1, 7) })
	}
}

func TestThePrefaceOfHTTP2IsRefused(t *testing.T) {
	p := newPair(t, http.HandlerFunc(describe))
	got := digest(p.own.play(t, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04", 1<<20), "PRI")
	if !strings.Contains(got, "505") || !strings.Contains(got, "close=true") || strings.Count(got, "HTTP/") != 1 {
		t.Errorf("got %s", got)
	}
}

// FuzzRequests feeds both servers with the same bytes. Of a request with several faults
// they need not name the same.
func FuzzRequests(f *testing.F) {
	for _, r := range requests {
		f.Add(r.input, 5)
	}
	fault := regexp.MustCompile(`HTTP/1\.\d \d{3} close=true\n?$`)
	p := newPair(f, http.HandlerFunc(describe))
	f.Fuzz(func(t *testing.T, input string, step int) {
		if strings.Contains(input, "PRI") || len(input) > 7<<10 {
			t.Skip("known to differ: the preface; where a head is too long")
		}
		want := fault.ReplaceAllString(digest(p.std.play(t, input, 1<<20), input), "refused")
		for _, step := range []int{max(step, 1), 1 << 20} {
			got := fault.ReplaceAllString(digest(p.own.play(t, input, step), input), "refused")
			if got != want {
				t.Errorf("input %q, %d bytes at a time\n got %s\nwant %s", input, step, got, want)
			}
		}
	})
}
