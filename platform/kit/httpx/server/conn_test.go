package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// client is the other end of a connection.
type client struct {
	*net.TCPConn
	t  *testing.T
	br *bufio.Reader
}

func dial(t *testing.T, addr string) *client {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = nc.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { nc.Close() })
	return &client{nc.(*net.TCPConn), t, bufio.NewReader(nc)}
}

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Fatal(err)
	}
}

// answer reads one answer with its body.
func (c *client) answer() (*http.Response, string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.br, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp, string(b)
}

// ends tells whether nothing but the end of the connection follows.
func (c *client) ends() bool {
	_, err := c.br.ReadByte()
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

func within(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("never: " + what)
	}
}

// each runs a test against both servers.
func each(t *testing.T, h http.HandlerFunc, test func(*testing.T, *running)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { test(t, k.start(t, h)) })
	}
}

func TestABodyIsAskedForWhenItIsReadFirst(t *testing.T) {
	each(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/unread" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = io.Copy(w, r.Body)
	}, func(t *testing.T, r *running) {
		c := dial(t, r.addr)
		c.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
		if resp, err := http.ReadResponse(c.br, nil); err != nil || resp.StatusCode != http.StatusContinue {
			t.Fatal(resp, err)
		}
		c.send("abc")
		if _, body := c.answer(); body != "abc" {
			t.Errorf("got %q", body)
		}
		c.send("POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
		resp, _ := c.answer()
		if resp.StatusCode != http.StatusForbidden || !resp.Close {
			t.Errorf("got %d, close %v", resp.StatusCode, resp.Close)
		}
		_ = c.CloseWrite()
		if !c.ends() {
			t.Error("the connection goes on")
		}
	})
}

func TestABodyThatIsNotReadIsSkippedIfItIsSmall(t *testing.T) {
	each(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/close" {
			r.Body.Close()
		}
		io.WriteString(w, r.URL.Path)
	}, func(t *testing.T, r *running) {
		c := dial(t, r.addr)
		for _, path := range []string{"/", "/close"} {
			c.send("POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000))
			c.answer()
			c.send("POST " + path + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
			c.answer()
		}
		c.send("GET /next HTTP/1.1\r\nHost: x\r\n\r\n")
		if _, body := c.answer(); body != "/next" {
			t.Errorf("got %q", body)
		}
		c.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\nxxx")
		c.answer()
		if !c.ends() {
			t.Error("the connection goes on, though a large body is left")
		}
	})
}

func TestClosingABodyEndsAReadThatWaits(t *testing.T) {
	for _, framing := range []string{"Content-Length: 10", "Transfer-Encoding: chunked"} {
		read := make(chan error, 1)
		r := startOwn(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			reading := make(chan struct{})
			go func() {
				_, _ = io.ReadFull(r.Body, make([]byte, 3))
				close(reading)
				_, err := r.Body.Read(make([]byte, 3))
				read <- err
			}()
			<-reading
			if r.URL.Path == "/close" {
				r.Body.Close()
			}
			io.WriteString(w, "answer")
		}))
		for _, path := range []string{"/close", "/leave"} {
			c := dial(t, r.addr)
			c.send("POST " + path + " HTTP/1.1\r\nHost: x\r\n" + framing + "\r\n\r\n")
			if strings.HasPrefix(framing, "T") {
				c.send("3\r\nabc\r\n")
			} else {
				c.send("abc")
			}
			if _, body := c.answer(); body != "answer" {
				t.Errorf("got %q", body)
			}
			if err := <-read; !errors.Is(err, http.ErrBodyReadAfterClose) {
				t.Errorf("%s, %s: Read returned %v", framing, path, err)
			}
			if !strings.HasPrefix(framing, "C") {
				continue
			}
			c.send("defghijGET /leave HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
			c.answer()
			if err := <-read; err == nil {
				t.Error("a read of a body that was left succeeded")
			}
		}
	}
}

func TestABodyIsNotReadAfterTheHandler(t *testing.T) {
	each(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Body", "kept")
		kept.Store(r.URL.Path, r)
	}, func(t *testing.T, r *running) {
		c := dial(t, r.addr)
		c.send("POST /sized HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
		c.answer()
		c.send("GET /next HTTP/1.1\r\nHost: x\r\n\r\n") // behind what the server did with the first
		c.answer()
		v, _ := kept.Load("/sized")
		req := v.(*http.Request)
		if _, err := req.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
			t.Errorf("Read returned %v", err)
		}
		if !errors.Is(req.Context().Err(), context.Canceled) {
			t.Error("the context did not end")
		}
	})
}

var kept sync.Map

func TestAClientThatLeavesEndsTheContext(t *testing.T) {
	started, ended := make(chan struct{}), make(chan struct{})
	each(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		// All ways in which a context is waited for.
		ctx, cancel := context.WithTimeout(r.Context(), time.Hour)
		defer cancel()
		after := make(chan struct{})
		context.AfterFunc(ctx, func() { close(after) })
		stopped := context.AfterFunc(r.Context(), func() { t.Error("stopped, but called") })
		if !stopped() {
			t.Error("not stopped")
		}
		started <- struct{}{}
		<-r.Context().Done()
		<-ctx.Done()
		<-after
		if !errors.Is(context.Cause(ctx), context.Canceled) {
			t.Error("cause", context.Cause(ctx))
		}
		ended <- struct{}{}
	}, func(t *testing.T, r *running) {
		for _, request := range []string{
			"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
			"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		} {
			c := dial(t, r.addr)
			c.send(request)
			within(t, "the handler starts", started)
			_ = c.Close()
			within(t, "the context ends", ended)
		}
	})
}

func TestAClientThatOnlyStopsSendingGetsItsAnswer(t *testing.T) {
	each(t, func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		io.WriteString(w, "answer")
	}, func(t *testing.T, r *running) {
		c := dial(t, r.addr)
		c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		_ = c.CloseWrite()
		if _, body := c.answer(); body != "answer" {
			t.Errorf("got %q", body)
		}
	})
}

// The byte that a watcher finds must not get lost, whenever it comes.
func TestTheNextRequestMayComeWhileASlowOneRuns(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	each(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			entered <- struct{}{}
			<-leave
		}
		io.WriteString(w, r.URL.Path)
	}, func(t *testing.T, r *running) {
		c := dial(t, r.addr)
		for i := range 30 {
			c.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
			within(t, "the handler starts", entered)
			next := fmt.Sprintf("/%d", i)
			time.Sleep(time.Duration(i) * time.Millisecond) // around the watcher's start
			c.send("GET " + next + " HTTP/1.1\r\nHost: x\r\n\r\n")
			leave <- struct{}{}
			if _, body := c.answer(); body != "/slow" {
				t.Fatalf("got %q", body)
			}
			if _, body := c.answer(); body != next {
				t.Fatalf("got %q, want %q", body, next)
			}
		}
	})
}

func TestDeadlinesOfAHandlerEndWithIt(t *testing.T) {
	each(t, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		switch r.URL.Path {
		case "/read":
			if err := rc.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
				t.Error(err)
			}
			_, err := io.ReadAll(r.Body)
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("Read returned %v", err)
			}
		case "/set":
			_ = rc.SetReadDeadline(time.Now().Add(patience))
			_ = rc.SetWriteDeadline(time.Now().Add(patience))
			_, _ = io.Copy(w, r.Body)
		case "/write":
			_ = rc.SetWriteDeadline(time.Now().Add(-time.Second))
			io.WriteString(w, "nobody gets this")
			if err := rc.Flush(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("Flush returned %v", err)
			}
		}
	}, func(t *testing.T, r *running) {
		c := dial(t, r.addr)
		c.send("POST /set HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na")
		c.answer()
		c.send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\na")
		c.answer()
		c = dial(t, r.addr)
		c.send("GET /write HTTP/1.1\r\nHost: x\r\n\r\n")
		if !c.ends() {
			t.Error("the connection goes on")
		}
	})
}
