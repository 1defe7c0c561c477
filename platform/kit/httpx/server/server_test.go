package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// eventually waits for a condition.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

func TestShutdownLetsRequestsEnd(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	each(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			entered <- struct{}{}
			<-leave
		}
		io.WriteString(w, "answer")
	}, func(t *testing.T, r *running) {
		idle, busy := dial(t, r.addr), dial(t, r.addr)
		idle.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		idle.answer()
		busy.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
		within(t, "the handler starts", entered)

		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := r.shutdown(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown returned %v before the request ended", err)
		}
		if !idle.ends() {
			t.Error("an idle connection goes on")
		}
		if _, err := net.Dial("tcp", r.addr); err == nil {
			t.Error("the server still accepts")
		}
		done := make(chan error, 1)
		go func() { done <- r.shutdown(t.Context()) }()
		leave <- struct{}{}
		resp, body := busy.answer()
		if body != "answer" || !resp.Close {
			t.Errorf("got %q, close %v", body, resp.Close)
		}
		if !busy.ends() {
			t.Error("the connection goes on")
		}
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("Shutdown does not return")
		}
	})
}

func TestShutdownUnderLoadLosesNoAnswer(t *testing.T) {
	s := &Server{Handler: http.HandlerFunc(echo)}
	r := start(t, s.Serve, s.Shutdown, s.Close)
	var all sync.WaitGroup
	warm := make(chan struct{}, 8)
	for range 8 {
		all.Go(func() {
			c := dial(t, r.addr)
			for i := 0; ; i++ {
				if i == 100 {
					warm <- struct{}{}
				}
				if _, err := io.WriteString(c, post+strings.Repeat("x", 64)); err != nil {
					return
				}
				if _, err := c.br.Peek(1); err != nil {
					return // closed before it was begun
				}
				resp, err := http.ReadResponse(c.br, nil)
				if err != nil {
					t.Error("the answer's head was cut off:", err)
					return
				}
				if b, err := io.ReadAll(resp.Body); err != nil || len(b) != 64 {
					t.Error("the answer was cut off:", len(b), err)
					return
				}
			}
		})
	}
	for range 8 {
		<-warm
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := r.shutdown(ctx); err != nil {
		t.Error(err)
	}
	all.Wait()
	if err := s.Serve(newStage()); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve after Shutdown returned %v", err)
	}
}

func TestCloseEndsWhatRuns(t *testing.T) {
	entered, ended := make(chan struct{}), make(chan struct{})
	each(t, func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-r.Context().Done()
		ended <- struct{}{}
	}, func(t *testing.T, r *running) {
		c := dial(t, r.addr)
		c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		within(t, "the handler starts", entered)
		_ = r.close()
		within(t, "the context ends", ended)
		if !c.ends() {
			t.Error("the connection goes on")
		}
	})
}

func TestSlowClientsAreCutOff(t *testing.T) {
	s := &Server{
		Handler:           http.HandlerFunc(echo),
		ReadHeaderTimeout: 50 * time.Millisecond, IdleTimeout: 50 * time.Millisecond,
	}
	r := start(t, s.Serve, s.Shutdown, s.Close)
	t.Run("before the head", func(t *testing.T) {
		if !dial(t, r.addr).ends() {
			t.Error("the connection goes on")
		}
	})
	t.Run("within the head, however often a byte comes", func(t *testing.T) {
		c := dial(t, r.addr)
		go func() {
			for range 10000 {
				if _, err := io.WriteString(c, "G"); err != nil {
					return
				}
				time.Sleep(5 * time.Millisecond)
			}
		}()
		if !c.ends() {
			t.Error("the connection goes on")
		}
	})
	t.Run("between requests", func(t *testing.T) {
		c := dial(t, r.addr)
		c.send(post + strings.Repeat("x", 64))
		c.answer()
		if !c.ends() {
			t.Error("the connection goes on")
		}
	})
	t.Run("with a body that the handler left", func(t *testing.T) {
		c := dial(t, r.addr)
		c.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n" + strings.Repeat("x", 600))
		c.answer()
		if !c.ends() {
			t.Error("the connection goes on")
		}
	})
}

func TestTimeLimitsSpareTheRequestThatRuns(t *testing.T) {
	s := &Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(300 * time.Millisecond): // many times the limits
				io.WriteString(w, "answer")
			}
		}),
		ReadHeaderTimeout: 20 * time.Millisecond, IdleTimeout: 20 * time.Millisecond,
	}
	r := start(t, s.Serve, s.Shutdown, s.Close)
	c := dial(t, r.addr)
	c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, body := c.answer(); body != "answer" {
		t.Errorf("got %q", body)
	}
}

func TestConnectionsBeyondTheBoundWait(t *testing.T) {
	s := &Server{Handler: http.HandlerFunc(echo), MaxConnections: 1}
	r := start(t, s.Serve, s.Shutdown, s.Close)
	first, second := dial(t, r.addr), dial(t, r.addr)
	first.send(post + strings.Repeat("x", 64))
	first.answer()
	second.send(post + strings.Repeat("y", 64))
	if n := s.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
	_ = first.Close()
	if _, body := second.answer(); body != strings.Repeat("y", 64) {
		t.Errorf("got %q", body)
	}
}

func TestRefusalsSpeakAsTheOwnerWants(t *testing.T) {
	s := &Server{
		Handler: http.HandlerFunc(echo),
		BadRequest: func(status int, reason string) (string, []byte) {
			return "application/json", []byte(`{"reason":"` + reason + `"}`)
		},
	}
	r := start(t, s.Serve, s.Shutdown, s.Close)
	c := dial(t, r.addr)
	c.send("GET / HTTP/1.1\r\n\r\n")
	resp, body := c.answer()
	if resp.StatusCode != http.StatusBadRequest || resp.Header.Get("Content-Type") != "application/json" ||
		body != `{"reason":"missing required Host header"}` {
		t.Errorf("got %v %q", resp, body)
	}
}

// What speaks something else is not kept waiting for the end of a head.
func TestAMalformedRequestLineIsRefusedAtOnce(t *testing.T) {
	each(t, describe, func(t *testing.T, r *running) {
		c := dial(t, r.addr)
		c.send("HELO there\r\n")
		if resp, _ := c.answer(); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("got %d", resp.StatusCode)
		}
	})
}

func TestOtherConnections(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, local := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		if !local {
			t.Error("no local address")
		}
		if r.TLS != nil {
			w.Header().Set("X-Tls", "1")
		}
		_, _ = io.Copy(w, r.Body)
		io.WriteString(w, large)
	})
	check := func(t *testing.T, client *http.Client, url string) {
		defer client.CloseIdleConnections()
		for range 3 {
			resp, err := client.Post(url, "a/b", strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || string(b) != "body"+large {
				t.Errorf("%d bytes, %v", len(b), err)
			}
			if strings.HasPrefix(url, "https") != (resp.Header.Get("X-Tls") != "") {
				t.Errorf("TLS: %v", resp.Header)
			}
		}
	}
	t.Run("a unix socket works", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		s := &Server{Handler: handler}
		serveOn(t, s, l)
		check(t, &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return net.Dial("unix", path)
		}}}, "http://unix")
	})
	t.Run("TLS works", func(t *testing.T) {
		std := httptest.NewUnstartedServer(nil)
		std.StartTLS()
		defer std.Close()
		l, err := tls.Listen("tcp", "127.0.0.1:0", std.TLS)
		if err != nil {
			t.Fatal(err)
		}
		s := &Server{Handler: handler, ReadHeaderTimeout: patience}
		serveOn(t, s, l)
		client := std.Client()
		check(t, client, "https://"+l.Addr().String())
	})
}

func serveOn(t *testing.T, s *Server, l net.Listener) {
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() { _, _ = s.Close(), <-done })
}

func TestAPanicIsLoggedAnAbortIsNot(t *testing.T) {
	var mu sync.Mutex
	var log bytes.Buffer
	s := &Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/abort" {
				panic(http.ErrAbortHandler)
			}
			panic("the reason")
		}),
		Log: slog.New(slog.NewTextHandler(locked{&mu, &log}, nil)),
	}
	r := start(t, s.Serve, s.Shutdown, s.Close)
	logged := func() string { mu.Lock(); defer mu.Unlock(); return log.String() }
	c := dial(t, r.addr)
	c.send("GET /abort HTTP/1.1\r\nHost: x\r\n\r\n")
	if !c.ends() || logged() != "" {
		t.Errorf("log: %s", logged())
	}
	c = dial(t, r.addr)
	c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if !c.ends() || !strings.Contains(logged(), "the reason") || !strings.Contains(logged(), "stack") {
		t.Errorf("log: %s", logged())
	}
}

type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func TestNothingIsLeftBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	s := &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(25 * time.Millisecond) // long enough for a watcher
		io.WriteString(w, "x")
	})}
	r := start(t, s.Serve, s.Shutdown, s.Close)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			c := dial(t, r.addr)
			for range 3 {
				c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
				c.answer()
			}
			_ = c.Close()
		})
	}
	all.Wait()
	eventually(t, "the connections are gone", func() bool { return s.Connections() == 0 })
	_ = s.Close()
	eventually(t, "the goroutines are gone", func() bool { return runtime.NumGoroutine() <= before })
}
