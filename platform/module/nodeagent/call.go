package nodeagent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/kit/httpx"
	"github.com/fcstack/fcstack/platform/module/nodeagent/logs"
)

const (
	// held is how much of an event call's answer waits for its end, so that the
	// duration and the log in its head are right.
	held  = 256 << 10
	small = 64 << 10

	// exitSoon is how long a connection that broke waits for the news that the
	// process ended.
	exitSoon = 200 * time.Millisecond

	// endMark is how long the call's last log lines are waited for.
	endMark = 50 * time.Millisecond
)

var (
	smallBuffers = sync.Pool{New: func() any { return new([small]byte) }}
	heldBuffers  = sync.Pool{New: func() any { return new([held]byte) }}
)

// call is one call on its way.
type call struct {
	agent   *Agent
	inst    *instance
	in      *fc.Invocation
	out     fc.ResultWriter
	began   time.Time
	capture *logs.Capture // nil: the log is not asked for
	upload  upload
}

// upload is the body of a call. It remembers that the caller broke it off.
type upload struct {
	io.Reader
	broken atomic.Bool
}

func (u *upload) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if err != nil && err != io.EOF {
		u.broken.Store(true)
	}
	return n, err
}

// Close ends a Read that nobody waits for any more, if the body knows how.
func (u *upload) Close() error {
	if c, ok := u.Reader.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Call carries one call to an instance; see fc.Node.
func (a *Agent) Call(ctx context.Context, id fc.InstanceID, in *fc.Invocation, out fc.ResultWriter) error {
	i := a.table.get(id)
	if i == nil {
		return fc.ErrGone
	}
	if err := i.gate.enter(); err != nil {
		return err
	}
	defer i.gate.leave()
	c := &call{agent: a, inst: i, in: in, out: out, began: time.Now()}
	if i.sole {
		i.log.Calling(in.RequestID)
	}
	if in.Tail {
		c.capture = i.log.Capture(in.RequestID)
		defer c.capture.Close()
	}
	if in.Kind == fc.HTTPCall {
		return c.http(ctx)
	}
	return c.event(ctx)
}

// body is what the link reads the call's body from.
func (c *call) body() io.Reader {
	if c.in.Body == nil {
		return nil
	}
	c.upload.Reader = c.in.Body
	return &c.upload
}

// event makes an event call.
func (c *call) event(ctx context.Context) error {
	r, err := c.inst.link.invoke(ctx, c.in, c.body())
	if err != nil {
		return c.failed(ctx, err)
	}
	defer r.close()
	if r.size > held {
		return c.stream(ctx, &r, nil)
	}
	buf := smallBuffers.Get().(*[small]byte)
	defer smallBuffers.Put(buf)
	n, err := fill(&r, buf[:])
	if err == nil {
		big := heldBuffers.Get().(*[held]byte)
		defer heldBuffers.Put(big)
		copy(big[:], buf[:n])
		var more int
		more, err = fill(&r, big[n:])
		return c.settle(ctx, &r, big[:n+more], err)
	}
	return c.settle(ctx, &r, buf[:n], err)
}

// fill reads until b is full (nil) or the end (io.EOF) or an error.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

// settle writes an answer whose beginning was read; err tells how that went.
func (c *call) settle(ctx context.Context, r *reply, b []byte, err error) error {
	switch {
	case err == nil:
		return c.stream(ctx, r, b)
	case !errors.Is(err, io.EOF):
		return c.failed(ctx, err)
	}
	r.close() // the next call can have the connection
	c.done()
	h := c.head(200, r.errorType, int64(len(b)))
	c.out.Begin(h)
	if _, err := c.out.Write(b); err != nil {
		return c.left(ctx, err)
	}
	return nil
}

// stream writes an answer that is too large to wait for; b is what was read of it.
func (c *call) stream(ctx context.Context, r *reply, b []byte) error {
	c.done()
	c.out.Begin(c.head(200, r.errorType, r.size))
	if _, err := c.out.Write(b); err != nil {
		c.agent.abandon(c.inst)
		return c.left(ctx, err)
	}
	return c.pass(ctx, r)
}

// pass writes what comes out of r as it comes.
func (c *call) pass(ctx context.Context, r io.Reader) error {
	buf := smallBuffers.Get().(*[small]byte)
	defer smallBuffers.Put(buf)
	for {
		n, err := r.Read(buf[:])
		if n > 0 {
			if _, err := c.out.Write(buf[:n]); err != nil {
				c.agent.abandon(c.inst)
				return c.left(ctx, err)
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return c.brokenOff(ctx, err)
		}
	}
}

// done notes that the function has answered.
func (c *call) done() {
	if !c.inst.served.Load() {
		c.inst.served.Store(true)
	}
}

// head is the head of an answer that begins now.
func (c *call) head(status int, errorType string, size int64) fc.Head {
	now := time.Now()
	h := fc.Head{
		Status: status, ErrorType: errorType, Size: size, Instance: c.inst.info.ID,
		Duration: now.Sub(c.began), MemoryMB: c.inst.memory(now),
	}
	if c.capture != nil {
		h.LogTail = c.tail(h)
	}
	return h
}

// tail is the end of the call's log, closed by the platform's own line.
func (c *call) tail(h fc.Head) []byte {
	const room = 4 << 10
	took := float64(h.Duration) / float64(time.Millisecond)
	last := fmt.Sprintf("\nDuration: %.2f ms, Billed Duration: %d ms, Memory Size: %d MB, Max Memory Used: %.2f MB\n",
		took, (h.Duration+time.Millisecond-1)/time.Millisecond, c.inst.version.MemoryMB, float64(h.MemoryMB))
	b := append(c.capture.Tail(endMark), last...)
	return b[max(0, len(b)-room):]
}

// expired tells whether the deadline has passed. The network may notice a moment before
// ctx does.
func expired(ctx context.Context) bool {
	if err := ctx.Err(); err != nil {
		return errors.Is(err, context.DeadlineExceeded)
	}
	d, ok := ctx.Deadline()
	return ok && !time.Now().Before(d)
}

// failed ends a call that has no answer yet.
func (c *call) failed(ctx context.Context, err error) error {
	i := c.inst
	switch {
	case expired(ctx):
		c.agent.expire(i)
		return c.fail(ctx, timeoutText(i.version.Timeout))
	case ctx.Err() != nil:
		c.agent.abandon(i)
		return context.Canceled
	case c.upload.broken.Load():
		return fmt.Errorf("%w: %w", context.Canceled, err)
	case errors.Is(err, httpx.ErrHeaderTooLarge), errors.Is(err, httpx.ErrMalformed):
		return fmt.Errorf("%w: %w", fc.ErrBadResponse, err)
	}
	exited := i.exitedWithin(exitSoon)
	if errors.Is(err, httpx.ErrDial) {
		if err := c.unreached(exited, err); err != nil {
			return err
		}
	}
	if exited {
		return c.fail(ctx, exitText(i, time.Since(c.began)))
	}
	return c.fail(ctx, "The function closed the connection before it had answered the request")
}

// unreached is the error of a call that its function has seen nothing of; nil if it is
// the function's to answer for.
func (c *call) unreached(exited bool, err error) error {
	i := c.inst
	switch {
	case !exited && !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: %w", fc.ErrUnavailable, err) // this node's trouble
	case !i.served.Load():
		return nil // it never came up
	case exited:
		c.agent.retire(i, ending{reason: reasonExited})
	default:
		c.agent.retire(i, ending{reason: reasonUnhealthy, graceful: true})
	}
	return fmt.Errorf("%w: %w", fc.ErrGone, err)
}

// fail answers for a function that did not.
func (c *call) fail(ctx context.Context, message string) error {
	status := 200
	if c.in.Kind == fc.HTTPCall {
		status = 502
		c.out.Header().Set("Content-Type", "application/json")
	}
	body := errorBody(message)
	c.out.Begin(c.head(status, fc.UnhandledInvocationError, int64(len(body))))
	if _, err := c.out.Write(body); err != nil {
		return c.left(ctx, err)
	}
	return nil
}

// brokenOff ends a call whose answer has begun and cannot go on.
func (c *call) brokenOff(ctx context.Context, err error) error {
	switch {
	case expired(ctx):
		c.agent.expire(c.inst)
	case ctx.Err() != nil:
		c.agent.abandon(c.inst)
		return context.Canceled
	}
	return fmt.Errorf("%w: %w", fc.ErrAborted, err)
}

// left ends a call whose answer cannot be delivered.
func (c *call) left(ctx context.Context, err error) error {
	if expired(ctx) {
		return fmt.Errorf("%w: %w", fc.ErrAborted, err)
	}
	return fmt.Errorf("%w: %w", context.Canceled, err)
}
