package server

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"testing"
	"time"
)

// Every test of behaviour runs against net/http's server too: what holds there holds here.
var kinds = []struct {
	name  string
	start func(testing.TB, http.Handler) *running
}{
	{"net/http", startStd},
	{"server", startOwn},
}

// running is a server under test.
type running struct {
	addr     string
	shutdown func(context.Context) error
	close    func() error
	served   chan error // what Serve returned
}

const patience = 10 * time.Second

func startStd(tb testing.TB, h http.Handler) *running {
	s := &http.Server{
		Handler: h, MaxHeaderBytes: 8 << 10, ErrorLog: log.New(io.Discard, "", 0),
	}
	return start(tb, s.Serve, s.Shutdown, s.Close)
}

func startOwn(tb testing.TB, h http.Handler) *running {
	s := &Server{Handler: h, MaxHeaderBytes: 8 << 10}
	return start(tb, s.Serve, s.Shutdown, s.Close)
}

func start(tb testing.TB, serve func(net.Listener) error, shutdown func(context.Context) error, closeAll func() error) *running {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	r := &running{addr: l.Addr().String(), shutdown: shutdown, close: closeAll, served: make(chan error, 1)}
	go func() { r.served <- serve(l) }()
	tb.Cleanup(func() {
		_ = closeAll()
		select {
		case err := <-r.served:
			if !errors.Is(err, http.ErrServerClosed) {
				tb.Errorf("Serve returned %v, want ErrServerClosed", err)
			}
		case <-time.After(patience):
			tb.Error("Serve does not return after Close")
		}
	})
	return r
}
