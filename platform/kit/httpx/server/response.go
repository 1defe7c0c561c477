package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// exchange is one request with all that belongs to it, and its ResponseWriter. Its parts
// are one allocation; none is used again, since handlers leave goroutines behind.
type exchange struct {
	req  http.Request
	ctx  reqContext
	body body
	conn *conn

	done   atomic.Bool // the handler has returned
	failed atomic.Bool // writing to the connection failed

	continueMu sync.Mutex
	await      atomic.Int32 // of the kind continue…

	header  http.Header // the handler's
	buf     *buffers    // from the first WriteHeader to the end
	status  int         // 0: not yet set
	length  int64       // of the answer's body as declared; -1: not
	written int64       // by the handler
	given   given

	// What counts of the request: handlers change it.
	is11   bool
	isHead bool
	keep10 bool // an old client wants to keep the connection

	committed     bool // the head is complete
	chunked       bool
	close         bool // the connection ends after the answer
	readDeadline  bool // the handler set one
	writeDeadline bool
}

const (
	continueNot     = iota // the client does not wait
	continuePending        // it does
	continueOver           // it has its answer
)

// given is what the handler's header says about framing; those fields are not copied but
// decided on when the head is completed.
type given struct {
	length   bool // even if empty
	kind     bool // Content-Type
	encoded  bool // Content-Encoding
	te       []string
	conn     []string
	trailers []string
	trailing bool // there are trailers
}

var errDone = errors.New("response is complete: the handler has returned")

// note takes what the answer depends on from the request.
func (x *exchange) note() {
	req := &x.req
	x.is11 = req.ProtoAtLeast(1, 1)
	x.isHead = req.Method == http.MethodHead
	if v := req.Header["Connection"]; len(v) > 0 {
		x.keep10 = !x.is11 && hasToken(v[0], "keep-alive")
		x.close = hasToken(v[0], "close")
	}
	x.close = x.close || x.is11 && req.Close
}

// expect notes that the client waits before it sends the body.
func (x *exchange) expect() error {
	v := x.req.Header.Get("Expect")
	switch {
	case v == "":
	case !hasToken(v, "100-continue"):
		return &refusal{http.StatusExpectationFailed, "unknown expectation"}
	case x.is11 && x.req.ContentLength != 0:
		x.await.Store(continuePending)
	}
	return nil
}

// sendContinue asks the client for the body, once and only before the answer.
func (x *exchange) sendContinue() {
	if x.await.Load() != continuePending {
		return
	}
	x.continueMu.Lock()
	defer x.continueMu.Unlock()
	if x.await.CompareAndSwap(continuePending, continueOver) {
		_, _ = x.conn.nc.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	}
}

func (x *exchange) noContinue() {
	if x.await.Load() == continuePending {
		x.continueMu.Lock()
		x.await.Store(continueOver)
		x.continueMu.Unlock()
	}
}

// serve runs the handler. A server-wide OPTIONS asks for nothing a handler could know.
func (x *exchange) serve() {
	if x.req.RequestURI == "*" && x.req.Method == http.MethodOptions {
		return
	}
	x.conn.srv.Handler.ServeHTTP(x, &x.req)
}

// Header implements http.ResponseWriter.
func (x *exchange) Header() http.Header {
	if x.header == nil {
		x.header = http.Header{}
	}
	return x.header
}

// WriteHeader implements http.ResponseWriter. The handler's fields are taken as they are
// now; later changes count for trailers only.
func (x *exchange) WriteHeader(code int) {
	switch {
	case x.unusable() != nil:
		x.misuse("WriteHeader on a response that is over")
		return
	case x.status != 0:
		x.misuse("superfluous WriteHeader")
		return
	case code < 100 || code > 999:
		panic(fmt.Sprintf("invalid WriteHeader code %d", code))
	}
	if code < 101 || code > 199 {
		x.noContinue()
	}
	if code < 200 && code != http.StatusSwitchingProtocols {
		x.inform(code)
		return
	}
	x.status = code
	x.appendHead()
}

func (x *exchange) unusable() error {
	if x.conn.hijacked() {
		return http.ErrHijacked
	}
	if x.done.Load() {
		return errDone
	}
	return nil
}

// misuse logs what a handler should not have done, and which.
func (x *exchange) misuse(what string) {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	frame, more := frames.Next()
	for more && strings.HasPrefix(frame.Function, "net/http.") {
		frame, more = frames.Next()
	}
	x.conn.srv.log().Warn("handler misuses its response", "what", what,
		"caller", frame.Function, "at", frame.File+":"+strconv.Itoa(frame.Line))
}

// Write implements http.ResponseWriter.
func (x *exchange) Write(p []byte) (int, error) {
	if err := x.admit(len(p)); err != nil || len(p) == 0 {
		return 0, err
	}
	b := x.buf
	if len(b.body)+len(p) <= cap(b.body) {
		b.body = append(b.body, p...)
		return len(p), nil
	}
	if !x.committed && len(b.body) < sniffLen {
		n := min(sniffLen-len(b.body), len(p)) // what sniffing wants to see in one piece
		b.body = append(b.body, p[:n]...)
		if err := x.emit(p[n:], false); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	if err := x.emit(p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// WriteString implements io.StringWriter.
func (x *exchange) WriteString(s string) (int, error) {
	if x.buf != nil && len(x.buf.body)+len(s) > cap(x.buf.body) || len(s) > bodyBuffer {
		return x.Write([]byte(s))
	}
	if err := x.admit(len(s)); err != nil || s == "" {
		return 0, err
	}
	x.buf.body = append(x.buf.body, s...)
	return len(s), nil
}

// admit tells whether n more bytes of a body may be written.
func (x *exchange) admit(n int) error {
	if err := x.usable(); err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	if !bodyAllowed(x.status) {
		return http.ErrBodyNotAllowed
	}
	x.written += int64(n)
	if x.length >= 0 && x.written > x.length {
		return http.ErrContentLength
	}
	return nil
}

// usable makes sure that there is a head to which a body may be added.
func (x *exchange) usable() error {
	if x.buf == nil || x.done.Load() {
		if err := x.unusable(); err != nil {
			return err
		}
	}
	x.noContinue()
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	return nil
}

// ReadFrom implements io.ReaderFrom: files and connections go to the socket inside the
// kernel where the length is declared. It reads before it writes anything: src may be the
// request's body, and the answer may depend on what becomes of reading it.
func (x *exchange) ReadFrom(src io.Reader) (n int64, err error) {
	if err := x.unusable(); err != nil {
		return 0, err
	}
	buf := copyBuffers.Get().(*[copyBuffer]byte)
	defer copyBuffers.Put(buf)
	_, direct := x.conn.nc.(io.ReaderFrom)
	direct = direct && isDirect(src)
	for {
		unit := buf[:]
		switch {
		case direct && x.status == 0:
			unit = buf[:sniffLen] // enough to complete the head
		case direct:
			direct = false
			m, err := x.readDirect(src)
			n += m
			if err != nil {
				return n, err
			}
		}
		m, err := src.Read(unit)
		if m > 0 {
			w, werr := x.Write(unit[:m])
			n += int64(w)
			if werr != nil {
				return n, werr
			}
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

func isDirect(src io.Reader) bool {
	switch src.(type) {
	case *os.File, *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

// readDirect moves what is left of a body of declared length.
func (x *exchange) readDirect(src io.Reader) (int64, error) {
	left := x.length - x.written
	if left <= 0 || !bodyAllowed(x.status) || x.isHead || len(x.given.te) > 0 {
		return 0, nil
	}
	if err := x.FlushError(); err != nil {
		return 0, err
	}
	n, err := x.conn.nc.(io.ReaderFrom).ReadFrom(&io.LimitedReader{R: src, N: left})
	x.written += n
	if err != nil {
		x.fail()
	}
	return n, err
}

// Flush implements http.Flusher.
func (x *exchange) Flush() { _ = x.FlushError() }

// FlushError is Flush for http.ResponseController.
func (x *exchange) FlushError() error {
	if err := x.usable(); err != nil {
		return err
	}
	return x.emit(nil, false)
}

// EnableFullDuplex is for http.ResponseController. It is always on.
func (x *exchange) EnableFullDuplex() error { return nil }

// SetReadDeadline is for http.ResponseController.
func (x *exchange) SetReadDeadline(t time.Time) error {
	c := x.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cur != x || c.takenOver {
		return errDone
	}
	if c.kicked {
		return nil // to end a read that is not to go on
	}
	x.readDeadline = true
	return c.nc.SetReadDeadline(t)
}

// SetWriteDeadline is for http.ResponseController.
func (x *exchange) SetWriteDeadline(t time.Time) error {
	c := x.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cur != x || c.takenOver {
		return errDone
	}
	x.writeDeadline = true
	return c.nc.SetWriteDeadline(t)
}

// interruptRead ends a read of the body that waits.
func (x *exchange) interruptRead() {
	c := x.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cur == x && !c.takenOver {
		c.kicked = true
		_ = c.nc.SetReadDeadline(past)
	}
}

// Hijack implements http.Hijacker.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if err := x.unusable(); err != nil {
		return nil, nil, err
	}
	x.noContinue()
	if x.status != 0 {
		if err := x.FlushError(); err != nil {
			return nil, nil, err
		}
	}
	nc, rw, err := x.conn.takeOver(x)
	if err == nil {
		x.release()
	}
	return nc, rw, err
}
