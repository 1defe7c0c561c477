// Package goruntime serves the Go runtime API to the process of one go1 instance: the
// process asks for work and posts what came of it. Which work, when the process is
// started and what its answers mean to a caller is left to the node agent.
package goruntime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// The types of work, as the header x-fc-function-type has them.
const (
	Invoke     = 0
	Initialize = 1
	PreStop    = 2
)

// ErrClosed is what calls end with that have no answer when the server closes.
var ErrClosed = errors.New("runtime api closed")

// Work is one thing the process is asked to do.
type Work struct {
	RequestID string
	Type      int
	Timeout   time.Duration // told to the process
	Deadline  time.Time     // told to the process
	Qualifier string
	Attempt   int
	Body      io.Reader // nil: none
	Size      int64     // of Body in bytes; -1: not known

	results chan result // one at most; buffered
}

// Answer is what the process posted. Its Body is a stream; Close lets the process go on.
type Answer struct {
	Failed bool // it came to /error
	Size   int64
	Body   io.Reader
	done   chan struct{}
	once   sync.Once
}

// Close gives up what was not read of the answer.
func (a *Answer) Close() { a.once.Do(func() { close(a.done) }) }

type result struct {
	answer *Answer
	err    error
}

// Server is the runtime API of one instance. It listens on loopback until Close.
type Server struct {
	listener net.Listener
	common   string // header lines that every piece of work carries
	ready    chan struct{}
	closed   chan struct{}
	group    sync.WaitGroup

	mu      sync.Mutex
	asked   bool
	queue   []*Work          // nobody has asked for it yet
	idle    []*conn          // asked for work when there was none
	running map[string]*Work // handed out, by request id
	conns   map[*conn]struct{}
}

// Listen opens a runtime API. fields are headers that every piece of work carries.
func Listen(fields [][2]string) (*Server, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the runtime api: %w", err)
	}
	s := &Server{
		listener: l,
		common:   headerLines(fields),
		ready:    make(chan struct{}),
		closed:   make(chan struct{}),
		running:  make(map[string]*Work),
		conns:    make(map[*conn]struct{}),
	}
	s.group.Go(s.accept)
	return s, nil
}

// Addr is the value of FC_RUNTIME_API.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Ready is closed once the process has asked for work for the first time.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Close ends every connection; calls that have no answer yet end with ErrClosed.
func (s *Server) Close() {
	s.mu.Lock()
	select {
	case <-s.closed:
		s.mu.Unlock()
		return
	default:
	}
	close(s.closed)
	s.listener.Close()
	for c := range s.conns {
		c.nc.Close()
	}
	s.mu.Unlock()
	s.group.Wait()
}

// Do hands w to the process and waits for the head of its answer. An answer that is
// returned must be closed. When Do fails, a Read of w.Body may still be under way; if it
// is an io.Closer, it is closed to end that.
func (s *Server) Do(ctx context.Context, w *Work) (*Answer, error) {
	w.results = make(chan result, 1)
	if !s.offer(w) {
		return nil, ErrClosed
	}
	select {
	case r := <-w.results:
		return r.answer, r.err
	case <-ctx.Done():
		s.forget(w)
		return nil, ctx.Err()
	case <-s.closed:
		s.forget(w)
		return nil, ErrClosed
	}
}

// offer gives w to a connection that waits for work, the latest one first: an earlier
// one may have been given up by the process. It reports false once the server closed.
func (s *Server) offer(w *Work) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closed:
		return false
	default:
	}
	for n := len(s.idle); n > 0; n = len(s.idle) {
		c := s.idle[n-1]
		s.idle = s.idle[:n-1]
		if c.alive() {
			s.running[w.RequestID] = w
			c.work <- w
			return true
		}
		c.nc.Close()
	}
	s.queue = append(s.queue, w)
	return true
}

// ask takes the next piece of work for c, or puts c among those that wait (nil).
func (s *Server) ask(c *conn) *Work {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.asked {
		s.asked = true
		close(s.ready)
	}
	if len(s.queue) == 0 {
		s.idle = append(s.idle, c)
		return nil
	}
	w := s.queue[0]
	s.queue = s.queue[1:]
	s.running[w.RequestID] = w
	return w
}

// take ends the running of a piece of work; nil if there is none of that name.
func (s *Server) take(request string) *Work {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.running[request]
	delete(s.running, request)
	return w
}

// putBack queues work again that could not be handed over.
func (s *Server) putBack(w *Work) {
	s.mu.Lock()
	_, mine := s.running[w.RequestID]
	delete(s.running, w.RequestID)
	s.mu.Unlock()
	if mine {
		s.offer(w)
	}
}

// forget makes sure that nobody answers w any more. An answer that came meanwhile is
// dropped.
func (s *Server) forget(w *Work) {
	s.mu.Lock()
	if s.running[w.RequestID] == w {
		delete(s.running, w.RequestID)
	}
	for i, q := range s.queue {
		if q == w {
			s.queue = append(s.queue[:i], s.queue[i+1:]...)
			break
		}
	}
	s.mu.Unlock()
	if c, ok := w.Body.(io.Closer); ok {
		c.Close()
	}
	select {
	case r := <-w.results:
		if r.answer != nil {
			r.answer.Close()
		}
	default:
	}
}

// drop removes a connection that has ended.
func (s *Server) drop(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	for i, o := range s.idle {
		if o == c {
			s.idle = append(s.idle[:i], s.idle[i+1:]...)
			break
		}
	}
}
