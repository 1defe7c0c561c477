package goruntime

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// process is a client like the SDK of functions.
type process struct {
	t    *testing.T
	http *http.Client
	base string
}

func open(t *testing.T) (*Server, *process) {
	t.Helper()
	s, err := Listen([][2]string{{"x-fc-function-name", "f"}, {"x-fc-region", "a\r\nx-fc-forged: 1"}})
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, http: &http.Client{Transport: &http.Transport{}}, base: "http://" + s.Addr() + base}
	t.Cleanup(func() {
		p.http.CloseIdleConnections()
		s.Close()
	})
	return s, p
}

func (p *process) next() (http.Header, string) {
	r, err := p.http.Get(p.base + "next")
	if err != nil {
		p.t.Error(err)
		return nil, ""
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != 200 {
		p.t.Errorf("next: status %d, %v", r.StatusCode, err)
	}
	return r.Header, string(b)
}

func (p *process) post(path, body string) (int, string) {
	r, err := p.http.Post(p.base+path, "application/json", strings.NewReader(body))
	if err != nil {
		p.t.Error(err)
		return 0, ""
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	return r.StatusCode, string(b)
}

func work(id, body string) *Work {
	return &Work{
		RequestID: id, Timeout: 2500 * time.Millisecond, Deadline: time.UnixMilli(1700000000123), Qualifier: "q",
		Body: strings.NewReader(body), Size: int64(len(body)),
	}
}

func TestWorkGoesRound(t *testing.T) {
	s, p := open(t)
	select {
	case <-s.Ready():
		t.Fatal("ready before work was asked for")
	default:
	}
	var wait sync.WaitGroup
	defer wait.Wait()
	wait.Go(func() {
		for range 2 {
			h, body := p.next()
			path := h.Get("x-fc-request-id") + "/response"
			if strings.HasPrefix(body, "bad") {
				path = h.Get("x-fc-request-id") + "/error"
			}
			for name, want := range map[string]string{
				"x-fc-function-deadline": "1700000000123", "x-fc-function-timeout": "3", "x-fc-function-type": "0",
				"x-fc-function-name": "f", "x-fc-qualifier": "q", "x-fc-region": "a  x-fc-forged: 1", "x-fc-forged": "",
			} {
				if got := h.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if status, _ := p.post(path, "re:"+body); status != 200 {
				t.Errorf("status %d", status)
			}
		}
	})
	<-s.Ready()
	for body, failed := range map[string]bool{"good": false, "bad": true} {
		a, err := s.Do(t.Context(), work("r-"+body, body))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(a.Body)
		a.Close()
		if err != nil || string(b) != "re:"+body || a.Failed != failed {
			t.Errorf("%q, failed: %t, %v", b, a.Failed, err)
		}
	}
}

func TestWrongRequests(t *testing.T) {
	_, p := open(t)
	for _, c := range []struct {
		path   string
		status int
	}{{"nobody/response", 400}, {"nobody/error", 400}, {"nobody/other", 404}, {"next", 404}} {
		if status, body := p.post(c.path, "{}"); status != c.status || !strings.Contains(body, "errorMessage") {
			t.Errorf("%s: %d %s", c.path, status, body)
		}
	}
}

func TestACallThatEndedHasNoAnswer(t *testing.T) {
	s, p := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	status := make(chan int)
	go func() {
		h, _ := p.next()
		cancel()
		<-ctx.Done()
		got := 0
		for got != 400 { // the call may take a moment to be forgotten
			got, _ = p.post(h.Get("x-fc-request-id")+"/response", "late")
			if got == 200 {
				break
			}
		}
		status <- got
	}()
	if _, err := s.Do(ctx, work("r", "x")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-status
	if len(s.running)+len(s.queue) != 0 {
		t.Errorf("left: %v, %v", s.running, s.queue)
	}
}

func TestWorkIsNotGivenToAConnectionThatIsGone(t *testing.T) {
	s, p := open(t)
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "GET %snext HTTP/1.1\r\nHost: x\r\n\r\n", base)
	<-s.Ready()
	c.Close()
	done := make(chan string)
	go func() {
		a, err := s.Do(t.Context(), work("r", "x"))
		if err != nil {
			t.Error(err)
			done <- ""
			return
		}
		b, _ := io.ReadAll(a.Body)
		a.Close()
		done <- string(b)
	}()
	h, _ := p.next()
	p.post(h.Get("x-fc-request-id")+"/response", "ok")
	if got := <-done; got != "ok" {
		t.Errorf("got %q", got)
	}
}

func TestABodyThatBreaksFailsTheCall(t *testing.T) {
	s, _ := open(t)
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET %snext HTTP/1.1\r\nHost: x\r\n\r\n", base)
	w := work("r", "")
	w.Body, w.Size = io.MultiReader(strings.NewReader("abc"), &failing{}), 1000
	if _, err := s.Do(t.Context(), w); err == nil {
		t.Error("no error")
	}
}

type failing struct{}

func (*failing) Read([]byte) (int, error) { return 0, errors.New("client left") }

func TestCloseEndsCalls(t *testing.T) {
	s, _ := open(t)
	ended := make(chan error)
	go func() {
		_, err := s.Do(context.Background(), work("r", "x"))
		ended <- err
	}()
	s.Close()
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	s.Close()
}

func TestHostileRequestsEndTheirConnection(t *testing.T) {
	s, _ := open(t)
	for name, text := range map[string]string{
		"not HTTP":       "hello\r\n\r\n",
		"an endless one": "GET / HTTP/1.1\r\nX: " + strings.Repeat("a", 2<<20),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", s.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			go io.Copy(c, bytes.NewReader([]byte(text)))
			c.SetReadDeadline(time.Now().Add(20 * time.Second))
			if _, err := bufio.NewReader(c).ReadByte(); err == nil || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	}
}
