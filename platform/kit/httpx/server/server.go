// Package server is an HTTP/1.1 server for any http.Handler: what net/http's does on the
// wire, with fewer goroutines, copies and allocations a request. It leaves HTTP/2, routing
// and certificates to others; a listener may hand it TLS connections.
//
//	listener ─► conn: readHead ─► parseHead ─► exchange ─► Handler
//	              ▲                             │ body, ctx, ResponseWriter
//	              └── finish: flush, drain ◄────┘
//	scan (one per server): time limits of idle connections, watchers for slow requests
package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Server answers requests with Handler. The fields are not to be changed once Serve runs.
type Server struct {
	Handler http.Handler

	// ReadHeaderTimeout bounds the reading of a head, and of what a handler left of a
	// body; IdleTimeout the wait for the next request. Zero: no bound. Both may take up
	// to a quarter longer.
	ReadHeaderTimeout, IdleTimeout time.Duration

	// MaxHeaderBytes bounds a request's head, give or take 4 KiB.
	// Zero: http.DefaultMaxHeaderBytes.
	MaxHeaderBytes int

	// MaxConnections bounds the connections, hijacked ones aside: further ones wait in the
	// listener's backlog. Zero: no bound.
	MaxConnections int

	// BadRequest makes the body of the answer to a request that never reaches Handler.
	// nil: plain text.
	BadRequest func(status int, reason string) (contentType string, body []byte)

	// Log gets panics and misuse of the ResponseWriter. nil: nothing is logged.
	Log *slog.Logger

	closing atomic.Bool
	slow    atomic.Bool   // the scanner sleeps until woken
	wake    chan struct{} // set with the first connection

	mu        sync.Mutex // guards the following
	listeners map[net.Listener]struct{}
	conns     []*conn   // each knows its index
	room      sync.Cond // of mu: there may be room for a connection
	scanning  bool
	waiting   []chan struct{} // closed when no connection is left
}

// Serve accepts connections until Shutdown or Close, then returns http.ErrServerClosed.
// It closes the listener.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	if !s.addListener(l) {
		return http.ErrServerClosed
	}
	defer s.removeListener(l)
	var pause time.Duration
	for {
		if !s.waitForRoom() {
			return http.ErrServerClosed
		}
		nc, err := l.Accept()
		if err != nil {
			if s.closing.Load() {
				return http.ErrServerClosed
			}
			var temporary interface{ Temporary() bool }
			if !errors.As(err, &temporary) || !temporary.Temporary() {
				return err
			}
			// Most likely there are no descriptors left: connections that end free some.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.log().Error("accept", "err", err, "pause", pause)
			time.Sleep(pause)
			continue
		}
		pause = 0
		c := newConn(s, nc)
		if !s.add(c) {
			nc.Close()
			continue
		}
		go c.serve()
	}
}

// Connections tells how many connections there are, hijacked ones aside.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Shutdown stops accepting, closes idle connections and waits until the requests that run
// have been answered, or ctx is done. Hijacked connections are their owners' business.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopAccepting()
	s.mu.Lock()
	conns := slices.Clone(s.conns)
	gone := make(chan struct{})
	if len(conns) == 0 {
		close(gone)
	} else {
		s.waiting = append(s.waiting, gone)
	}
	s.mu.Unlock()
	for _, c := range conns {
		c.closeIdle()
	}
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close stops accepting and closes every connection. Handlers that run see their
// request's context end.
func (s *Server) Close() error {
	s.stopAccepting()
	s.mu.Lock()
	conns := slices.Clone(s.conns)
	s.mu.Unlock()
	for _, c := range conns {
		c.kill()
	}
	return nil
}

func (s *Server) stopAccepting() {
	s.closing.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.listeners {
		l.Close()
	}
	if s.room.L != nil {
		s.room.Broadcast()
	}
}

func (s *Server) addListener(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	if s.listeners == nil {
		s.listeners = map[net.Listener]struct{}{}
		s.room.L = &s.mu
	}
	s.listeners[l] = struct{}{}
	return true
}

func (s *Server) removeListener(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

// waitForRoom returns false once the server is closing.
func (s *Server) waitForRoom() bool {
	if s.MaxConnections <= 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.conns) >= s.MaxConnections && !s.closing.Load() {
		s.room.Wait()
	}
	return !s.closing.Load()
}

// add registers a connection and starts the scanner with the first one.
func (s *Server) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	c.index = len(s.conns)
	s.conns = append(s.conns, c)
	if !s.scanning {
		s.scanning = true
		s.wake = make(chan struct{}, 1)
		s.slow.Store(false)
		go s.scan(s.wake)
	}
	return true
}

// remove forgets a connection. Repeating it is harmless.
func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.index < 0 {
		return
	}
	last := s.conns[len(s.conns)-1]
	s.conns[c.index], last.index = last, c.index
	s.conns[len(s.conns)-1] = nil
	s.conns = s.conns[:len(s.conns)-1]
	c.index = -1
	s.room.Signal()
	if len(s.conns) > 0 {
		return
	}
	s.wakeScanner()
	for _, gone := range s.waiting {
		close(gone)
	}
	s.waiting = nil
}

func (s *Server) maxHead() int {
	limit := s.MaxHeaderBytes
	if limit <= 0 {
		limit = http.DefaultMaxHeaderBytes
	}
	return limit + headSlack
}

var silent = slog.New(slog.DiscardHandler)

func (s *Server) log() *slog.Logger {
	if s.Log == nil {
		return silent
	}
	return s.Log
}
