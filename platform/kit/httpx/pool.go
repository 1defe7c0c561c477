package httpx

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// readBuffer holds a head; bodies pass it by.
	readBuffer  = 16 << 10
	writeBuffer = 8 << 10
	// inline bodies are read whole before the request is written: one write, no
	// second goroutine.
	inline = 8 << 10
	// copyBuffer is the unit in which larger bodies are moved.
	copyBuffer = 64 << 10
	// suspectAfter is the idle time after which a kept connection is looked at before
	// it is used: servers close them when they like.
	suspectAfter = 50 * time.Millisecond
	// sendGrace is how long a finished answer waits for its request to be finished too.
	sendGrace = 5 * time.Millisecond
)

// Dial opens a connection to the server of a Pool.
type Dial func(ctx context.Context) (net.Conn, error)

// Pool keeps connections to one server.
type Pool struct {
	dial      Dial
	maxHeader int

	mu     sync.Mutex
	idle   []*conn // a stack
	keep   int
	closed bool
}

// NewPool makes a pool that keeps at most keep idle connections and refuses answers
// whose head exceeds maxHeader bytes (at most 16 KiB).
func NewPool(dial Dial, keep, maxHeader int) *Pool {
	return &Pool{dial: dial, keep: keep, maxHeader: min(maxHeader, readBuffer)}
}

// Close closes the idle connections and, as they come back, all others.
func (p *Pool) Close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, c := range idle {
		c.Close()
	}
}

// ErrDial wraps what kept a connection from being opened: the server has seen nothing.
var ErrDial = errors.New("dial")

// conn is one connection with its buffers, which live as long as it.
type conn struct {
	net.Conn
	r      *bufio.Reader
	w      *bufio.Writer
	parked time.Time
	resp   Response
	fields [16]Field
	waits  func() // called before a read has to wait; nil: nobody cares
}

func (p *Pool) get(ctx context.Context) (*conn, error) {
	for {
		c := p.pop()
		if c == nil {
			break
		}
		if time.Since(c.parked) < suspectAfter || stillOpen(c.Conn) {
			return c, nil
		}
		c.Close()
	}
	nc, err := p.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDial, err)
	}
	c := &conn{Conn: nc, w: bufio.NewWriterSize(nc, writeBuffer)}
	c.r = bufio.NewReaderSize(newPatientReader(c), readBuffer)
	return c, nil
}

func (p *Pool) pop() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	c := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return c
}

func (p *Pool) put(c *conn) {
	c.parked = time.Now()
	p.mu.Lock()
	full := p.closed || len(p.idle) >= p.keep
	if !full {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	if full {
		c.Close()
	}
}

// past is a deadline that ends every read and write at once.
var past = time.Unix(1, 0)

// Do sends a request and returns once the head of the answer is there. The answer's
// body is streamed; Close must be called. When ctx ends, so does everything, and the
// error is ctx's. ErrDial: the server has seen nothing of the request.
func (p *Pool) Do(ctx context.Context, req *Request) (*Response, error) {
	c, err := p.get(ctx)
	if err != nil {
		return nil, errorOf(ctx, err)
	}
	resp := &c.resp
	*resp = Response{pool: p, conn: c, ctx: ctx, method: req.Method}
	resp.stop = context.AfterFunc(ctx, func() { c.SetDeadline(past) })
	if err := resp.send(req); err != nil {
		// A server may answer and close before it has read everything: look.
		if resp.sent == nil || !c.answered(ctx) {
			resp.abort()
			return nil, errorOf(ctx, fmt.Errorf("send request: %w", err))
		}
	}
	resp.head, err = readHead(c.r, c.fields[:0], p.maxHeader, req.Method, req.upgrade() != "")
	if err != nil {
		resp.abort()
		return nil, errorOf(ctx, fmt.Errorf("read response: %w", err))
	}
	resp.body = resp.bodyReader(c.r, req.Method)
	return resp, nil
}

// answered tells whether there is something to read, without waiting for long.
func (c *conn) answered(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	_, err := c.r.Peek(1)
	c.SetReadDeadline(time.Time{})
	return err == nil
}

func errorOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// Response is an answer whose body has yet to be read. It is valid until Close.
type Response struct {
	head
	pool   *Pool
	conn   *conn
	ctx    context.Context
	stop   func() bool
	method string
	body   io.Reader
	err    error         // of reading the body
	ended  bool          // the body was read to its end
	sent   chan struct{} // closed when the request's body is through; nil: it is already
	source io.Reader     // the request's body
	failed error         // of sending it; valid once sent is closed
}

// Status of the answer.
func (r *Response) Status() int { return r.status }

// Fields of the answer's header, as they came. Valid until Close.
func (r *Response) Fields() []Field { return r.fields }

// Size of the body in bytes; -1: not known before its end.
func (r *Response) Size() int64 { return r.size }

// Upgraded tells whether the server changed the protocol; then Takeover is the way on.
func (r *Response) Upgraded() bool { return r.upgraded }

// Read reads the body.
func (r *Response) Read(b []byte) (int, error) {
	if r.body == nil || r.ended {
		r.ended = true
		return 0, io.EOF
	}
	n, err := r.body.Read(b)
	switch {
	case err == io.EOF:
		r.ended = true
	case err != nil:
		err = errorOf(r.ctx, err)
		r.err = err
	}
	if sized, ok := r.body.(*sizedBody); ok && sized.left == 0 {
		r.ended = true
	}
	return n, err
}

// BeforeWait has f called whenever reading the body has to wait for the server: what
// was read so far is all there is, and may be passed on.
func (r *Response) BeforeWait(f func()) { r.conn.waits = f }

// Takeover hands out the connection of an Upgraded answer; the caller closes it. It
// ends with the request's ctx.
func (r *Response) Takeover() io.ReadWriteCloser {
	return &takenOver{conn: r.conn, stop: r.stop}
}

type takenOver struct {
	*conn
	stop func() bool
}

func (t *takenOver) Read(b []byte) (int, error) { return t.r.Read(b) }

func (t *takenOver) Close() error {
	t.stop()
	return t.conn.Close()
}

// Close ends the use of the answer. The connection is kept if the request was sent
// and the answer read to their ends.
func (r *Response) Close() {
	if r.upgraded {
		return // Takeover's
	}
	if r.body == nil {
		r.ended = true
	}
	if !r.ended || r.err != nil || !r.keep || !r.requestDone() || !r.stop() {
		r.abort()
		return
	}
	c, pool := r.conn, r.pool
	clear(r.fields)
	c.resp, c.waits = Response{}, nil
	pool.put(c)
}

// requestDone tells whether the request was sent whole.
func (r *Response) requestDone() bool {
	if r.sent == nil {
		return true
	}
	select {
	case <-r.sent:
		return r.failed == nil
	default:
	}
	// The server has the last byte, but the goroutine that sent it may not know yet.
	grace := time.NewTimer(sendGrace)
	defer grace.Stop()
	select {
	case <-r.sent:
		return r.failed == nil
	case <-grace.C:
		return false
	}
}

// abort closes the connection and waits for the goroutine that sends the body.
func (r *Response) abort() {
	r.stop()
	r.conn.Close()
	if r.sent == nil {
		return
	}
	select {
	case <-r.sent:
		return
	default:
	}
	if closer, ok := r.source.(io.Closer); ok {
		closer.Close()
	}
	<-r.sent
}
