package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// phase tells what a connection does. It changes with each step of its goroutine.
type phase uint64

const (
	phaseNew    phase = iota // no request yet: may be closed at any time
	phaseIdle                // between requests: may be closed at any time
	phaseHead                // within a head, or reading what a handler left of a body
	phaseActive              // a handler runs, or its answer is being written
	phaseBits   = 2
)

const (
	readBuffer = 4 << 10
	// lingering is how long a connection that is closed with input left is kept, so that
	// the last answer is not lost to the reset.
	lingering = 500 * time.Millisecond
)

// past is a deadline that ends a read that waits.
var past = time.Unix(1, 0)

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readBuffer) }}

// conn is one connection. Its goroutine owns all fields that nothing else is said of.
type conn struct {
	srv      *Server
	nc       net.Conn
	in       input
	br       *bufio.Reader // reads in
	remote   string
	tls      *tls.ConnectionState
	vectored bool // nc writes several buffers at once
	posted   bool // the last request was a POST

	// word is a count of steps and the phase; written under mu only.
	word atomic.Uint64

	mu        sync.Mutex    // guards the following
	cur       *exchange     // whose handler runs
	expired   bool          // to be closed; nothing begins any more
	kicked    bool          // a deadline was set to end a read
	watch     chan struct{} // closed when the watcher ends; nil: there is none
	unwatch   bool          // the watcher was told to end
	seen      seen          // the scanner's own
	index     int           // in srv.conns, -1: not there; guarded by srv.mu
	takenOver bool          // hijacked
}

// input is what a connection's buffered reader reads: the connection, after the byte that
// a watcher may have read.
type input struct {
	nc      net.Conn
	byte    [1]byte
	hasByte bool
}

func (i *input) Read(p []byte) (int, error) {
	if i.hasByte && len(p) > 0 {
		i.hasByte = false
		p[0] = i.byte[0]
		return 1, nil
	}
	return i.nc.Read(p)
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{srv: s, nc: nc, in: input{nc: nc}}
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		c.vectored = true
	}
	return c
}

// setPhase makes a step. false: the connection is to be closed.
func (c *conn) setPhase(p phase) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.step(p)
	return !c.expired
}

// step needs c.mu.
func (c *conn) step(p phase) {
	c.word.Store((c.word.Load()>>phaseBits+1)<<phaseBits | uint64(p))
}

func phaseOf(word uint64) phase { return phase(word & (1<<phaseBits - 1)) }

func (c *conn) serve() {
	c.br = readers.Get().(*bufio.Reader)
	c.br.Reset(&c.in)
	if addr := c.nc.RemoteAddr(); addr != nil {
		c.remote = addr.String()
	}
	defer c.end()
	if !c.secure() {
		return
	}
	for c.serveOne() {
		// Four bytes are less than any request.
		if _, err := c.br.Peek(4); err != nil {
			return
		}
	}
}

// serveOne answers the next request and tells whether there may be another.
func (c *conn) serveOne() bool {
	x, err := c.next()
	if err != nil {
		c.refuse(err)
		return false
	}
	if !c.begin(x) {
		return false
	}
	x.serve()
	x.ctx.cancel()
	if c.hijacked() {
		return false
	}
	x.flushAll()
	if !c.leave(x) {
		c.linger(x)
		return false
	}
	return true
}

// secure shakes hands on a TLS connection.
func (c *conn) secure() bool {
	if tc, ok := c.nc.(*tls.Conn); ok {
		ctx := context.Background()
		if limit := c.srv.ReadHeaderTimeout; limit > 0 {
			var cancel func()
			ctx, cancel = context.WithTimeout(ctx, limit)
			defer cancel()
		}
		if err := tc.HandshakeContext(ctx); err != nil {
			c.srv.log().Debug("tls handshake", "remote", c.remote, "err", err)
			return false
		}
	}
	if tc, ok := c.nc.(interface{ ConnectionState() tls.ConnectionState }); ok {
		state := tc.ConnectionState()
		c.tls = &state
		return state.NegotiatedProtocol == "" || state.NegotiatedProtocol == "http/1.1"
	}
	return true
}

// next reads a head and makes an exchange of it.
func (c *conn) next() (*exchange, error) {
	if c.posted {
		// Old clients send a line break behind the body of a POST.
		b, _ := c.br.Peek(4)
		n := 0
		for n < len(b) && (b[n] == '\r' || b[n] == '\n') {
			n++
		}
		_, _ = c.br.Discard(n)
	}
	head, err := c.readHead()
	if err != nil {
		return nil, err
	}
	var req http.Request
	if err := parseHead(head, &req); err != nil {
		return nil, err
	}
	req.RemoteAddr, req.TLS = c.remote, c.tls
	x := &exchange{conn: c, length: -1}
	x.ctx.conn = c
	x.req = *req.WithContext(&x.ctx)
	x.note()
	x.body.start(x)
	c.posted = req.Method == http.MethodPost
	return x, x.expect()
}

// begin hands the connection to x.
func (c *conn) begin(x *exchange) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.expired {
		return false
	}
	c.cur = x
	c.step(phaseActive)
	if c.srv.slow.Load() {
		c.srv.wakeScanner()
	}
	return true
}

// leave takes the connection back from x once its answer is written. false: it is of no
// use any more.
func (c *conn) leave(x *exchange) bool {
	x.body.hangUp()
	keep := x.keep()
	rest := !x.body.ended.Load()
	c.mu.Lock()
	c.cur = nil
	if rest {
		c.step(phaseHead)
	} else {
		c.step(phaseIdle)
	}
	watch := c.stopWatch()
	reset := c.kicked || x.readDeadline
	c.kicked = false
	c.mu.Unlock()
	if watch != nil {
		<-watch
		reset = true
	}
	if reset {
		_ = c.nc.SetReadDeadline(time.Time{})
	}
	if x.writeDeadline {
		_ = c.nc.SetWriteDeadline(time.Time{})
	}
	if reset && !c.setPhase(phaseOf(c.word.Load())) {
		return false // expired meanwhile, and its deadline undone
	}
	if !keep || !rest {
		return keep && !c.stopping()
	}
	return x.body.drain() && c.setPhase(phaseIdle) && !c.stopping()
}

// stopping is asked after the step to phaseIdle: either a shutdown sees that step or this
// sees the shutdown.
func (c *conn) stopping() bool { return c.srv.closing.Load() }

func (c *conn) hijacked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.takenOver
}

// linger gives the client the time to read the answer before input that is left resets
// the connection.
func (c *conn) linger(x *exchange) {
	if x.body.ended.Load() || x.failed.Load() {
		return
	}
	c.lingerOn()
}

func (c *conn) lingerOn() {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || !c.setPhase(phaseHead) {
		return
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(lingering))
	buf := copyBuffers.Get().(*[copyBuffer]byte)
	defer copyBuffers.Put(buf)
	for range 1024 {
		if _, err := c.nc.Read(buf[:]); err != nil {
			return
		}
	}
}

// end closes the connection, unless it was hijacked. It also ends a panic of the handler.
func (c *conn) end() {
	if p := recover(); p != nil && p != any(http.ErrAbortHandler) {
		c.srv.log().Error("panic in a handler", "remote", c.remote, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
	c.mu.Lock()
	x, taken := c.cur, c.takenOver
	c.expired = true
	watch := c.stopWatch()
	c.mu.Unlock()
	if x != nil {
		x.ctx.cancel()
		x.release()
	}
	if taken {
		return
	}
	c.nc.Close()
	if x != nil {
		x.body.hangUp()
	}
	if watch != nil {
		<-watch
	}
	c.srv.remove(c)
	c.br.Reset(nil)
	readers.Put(c.br)
}

// kill closes the connection whatever it does.
func (c *conn) kill() {
	c.mu.Lock()
	x, taken := c.cur, c.takenOver
	if !taken {
		c.expired = true
		c.nc.Close()
	}
	c.mu.Unlock()
	if x != nil && !taken {
		x.ctx.cancel()
	}
}

// closeIdle closes the connection if no request is under way.
func (c *conn) closeIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := phaseOf(c.word.Load()); p == phaseIdle || p == phaseNew {
		c.expired = true
		c.nc.Close()
	}
}

// refuse answers a request that does not reach the handler.
func (c *conn) refuse(err error) {
	var r *refusal
	if !errors.As(err, &r) || !c.setPhase(phaseHead) {
		return
	}
	contentType, body := "text/plain; charset=utf-8", []byte(http.StatusText(r.status)+": "+r.reason+"\n")
	if c.srv.BadRequest != nil {
		contentType, body = c.srv.BadRequest(r.status, r.reason)
	}
	b := appendStatus(nil, true, r.status)
	b = appendDate(b)
	b = appendField(b, "Content-Type", contentType)
	b = append(b, "Connection: close\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	b = append(b, body...)
	if _, err := c.nc.Write(b); err == nil {
		c.lingerOn()
	}
}

// takeOver gives the connection to a handler.
func (c *conn) takeOver(x *exchange) (net.Conn, *bufio.ReadWriter, error) {
	c.mu.Lock()
	if c.cur != x || c.takenOver || c.expired {
		c.mu.Unlock()
		return nil, nil, http.ErrHijacked
	}
	watch := c.stopWatch()
	c.takenOver = true
	c.mu.Unlock()
	if watch != nil {
		<-watch
	}
	c.srv.remove(c)
	_ = c.nc.SetDeadline(time.Time{})
	if c.in.hasByte {
		if _, err := c.br.Peek(c.br.Buffered() + 1); err != nil && !errors.Is(err, io.EOF) {
			return nil, nil, fmt.Errorf("hijack: %w", err)
		}
	}
	return c.nc, bufio.NewReadWriter(c.br, bufio.NewWriter(c.nc)), nil
}
