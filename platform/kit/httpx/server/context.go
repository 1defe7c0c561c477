package server

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// reqContext is the context of one request, part of its exchange. It has an AfterFunc of
// its own, by which contexts made from it hang on to it without a goroutine each.
type reqContext struct {
	conn *conn

	mu    sync.Mutex // guards the following
	err   error
	done  chan struct{} // made when somebody asks
	funcs *afterFunc    // a list, the latest first
}

type afterFunc struct {
	ctx        *reqContext
	f          func()
	next, prev *afterFunc
	off        bool // taken off the list
}

// Deadline implements context.Context: there is none.
func (*reqContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value knows the local address, as net/http's requests do.
func (c *reqContext) Value(key any) any {
	if key == http.LocalAddrContextKey {
		return c.conn.nc.LocalAddr()
	}
	return nil
}

// Done implements context.Context.
func (c *reqContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		}
	}
	return c.done
}

// Err implements context.Context.
func (c *reqContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// AfterFunc calls f once the context is done, unless stopped before.
func (c *reqContext) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	a := &afterFunc{ctx: c, f: f, next: c.funcs}
	if a.next != nil {
		a.next.prev = a
	}
	c.funcs = a
	return a.stop
}

func (a *afterFunc) stop() bool {
	a.ctx.mu.Lock()
	defer a.ctx.mu.Unlock()
	if a.off {
		return false
	}
	a.off = true
	if a.next != nil {
		a.next.prev = a.prev
	}
	if a.prev != nil {
		a.prev.next = a.next
	} else {
		a.ctx.funcs = a.next
	}
	return true
}

// cancel ends the context. Only the first call counts. What package context registers
// with AfterFunc is quick and starts goroutines itself where it must.
func (c *reqContext) cancel() {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = context.Canceled
	if c.done != nil {
		close(c.done)
	}
	funcs := c.funcs
	c.funcs = nil
	for a := funcs; a != nil; a = a.next {
		a.off = true
	}
	c.mu.Unlock()
	for a := funcs; a != nil; a = a.next {
		a.f()
	}
}
