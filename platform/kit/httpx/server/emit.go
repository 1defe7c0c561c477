package server

import (
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"
)

const (
	// bodyBuffer is the part of a body that waits for more: an answer that fits is
	// written at once, with its length.
	bodyBuffer = 4 << 10
	sniffLen   = 512
	// keptBuffer is the largest buffer for heads that is used again.
	keptBuffer = 16 << 10
)

// buffers are what an exchange writes with.
type buffers struct {
	out  []byte // the head, the frame of a chunk
	body []byte // what the handler has written since
	vec  [3][]byte
	list net.Buffers // of vec: here, since WriteTo lets it escape
}

var bufferPool = sync.Pool{New: func() any {
	return &buffers{out: make([]byte, 0, 4<<10), body: make([]byte, 0, bodyBuffer)}
}}

func (x *exchange) take() *buffers {
	if x.buf == nil {
		x.buf = bufferPool.Get().(*buffers)
	}
	return x.buf
}

// release gives the buffers back.
func (x *exchange) release() {
	b := x.buf
	x.buf = nil
	x.done.Store(true)
	if b != nil && cap(b.out) <= keptBuffer {
		b.out, b.body = b.out[:0], b.body[:0]
		bufferPool.Put(b)
	}
}

// inform writes an informational answer.
func (x *exchange) inform(code int) {
	b := appendStatus(nil, x.is11, code)
	for name, values := range x.header {
		if name != "Content-Length" && name != "Transfer-Encoding" {
			b = appendFields(b, name, values)
		}
	}
	b = append(b, "\r\n"...)
	if _, err := x.conn.nc.Write(b); err != nil {
		x.fail()
	}
}

// appendHead renders the status line and the handler's fields, but for those of framing.
func (x *exchange) appendHead() {
	buf := x.take()
	b := appendStatus(buf.out[:0], x.is11, x.status)
	if _, dated := x.header["Date"]; !dated {
		b = appendDate(b)
	}
	g := &x.given
	for name, values := range x.header {
		switch name {
		case "Content-Length":
			g.length = true
			x.declare(values)
			continue
		case "Transfer-Encoding":
			g.te = values
			continue
		case "Connection":
			g.conn = values
			continue
		case "Content-Type":
			g.kind = true
			if x.status == http.StatusNotModified {
				continue
			}
		case "Content-Encoding":
			g.encoded = len(values) > 0 && values[0] != ""
		case "Trailer":
			g.trailing = true
			for name := range elements(values) {
				if name = textproto.CanonicalMIMEHeaderKey(name); httpguts.ValidTrailerHeader(name) {
					g.trailers = append(g.trailers, name)
				}
			}
		default:
			if strings.HasPrefix(name, http.TrailerPrefix) {
				g.trailing = true
				continue
			}
		}
		b = appendFields(b, name, values)
	}
	buf.out = b
}

// declare takes the handler's word for the length of the body.
func (x *exchange) declare(values []string) {
	if len(values) == 0 || values[0] == "" {
		return
	}
	n, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil || n < 0 {
		x.given.length = false
		x.misuse("invalid Content-Length")
		return
	}
	x.length = n
}

// commit completes the head before the first bytes of the body, p, are written; final:
// there will be no more.
func (x *exchange) commit(p []byte, final bool) {
	x.committed = true
	g, buf := &x.given, x.buf
	b := buf.out
	allowed, head := bodyAllowed(x.status), x.isHead
	te := ""
	if len(g.te) > 0 {
		te = g.te[0]
	}
	if final && !g.trailing && te == "" && allowed && !g.length && (!head || len(p) > 0) {
		x.length = int64(len(p))
	}
	if x.length >= 0 && te != "" && te != "identity" {
		x.misuse("both Transfer-Encoding and Content-Length")
		x.length = -1
	}
	if allowed && !g.kind && !g.encoded && te == "" && len(p) > 0 {
		b = appendField(b, "Content-Type", http.DetectContentType(p))
	}
	keepAlive := x.persistence(final)
	switch {
	case head || !allowed || x.length >= 0:
		if x.length >= 0 && allowed {
			b = append(b, "Content-Length: "...)
			b = strconv.AppendInt(b, x.length, 10)
			b = append(b, "\r\n"...)
		}
	case !x.is11 || te == "identity":
		x.close = true // the end of the connection is that of the body
	default:
		x.chunked = true
		if te != "" && te != "chunked" {
			b = appendFields(b, "Transfer-Encoding", g.te)
		}
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	b = x.appendConnection(b, keepAlive)
	buf.out = append(b, "\r\n"...)
}

// persistence decides whether the connection ends, and whether an old client is to be
// told that it does not.
func (x *exchange) persistence(final bool) (keepAlive bool) {
	fixed := x.isHead || x.length >= 0 || !bodyAllowed(x.status)
	switch {
	case fixed && x.keep10:
		keepAlive = x.given.conn == nil
	case !x.is11:
		x.close = true
	}
	switch {
	case len(x.given.conn) > 0 && x.given.conn[0] == "close", x.conn.srv.closing.Load():
		x.close = true
	case x.body.ended.Load():
	case x.body.broken.Load(), x.await.Load() != continueNot, final && x.body.resting.Load() > maxRest:
		x.close = true // rather than read a body that nobody wants
	}
	return keepAlive && !x.close
}

func (x *exchange) appendConnection(b []byte, keepAlive bool) []byte {
	given := x.given.conn
	switch {
	case keepAlive:
		return append(b, "Connection: keep-alive\r\n"...)
	case !x.close, x.switches(), len(given) > 0 && hasToken(given[0], "close"):
		return appendFields(b, "Connection", given)
	case x.is11:
		return append(b, "Connection: close\r\n"...)
	}
	return b
}

// switches tells whether the answer changes the protocol.
func (x *exchange) switches() bool {
	return x.status == http.StatusSwitchingProtocols && x.header.Get("Upgrade") != "" &&
		httpguts.HeaderValuesContainsToken(x.given.conn, "upgrade")
}

// emit writes what there is, then p. final: that is all.
func (x *exchange) emit(p []byte, final bool) error {
	buf := x.buf
	if !x.committed {
		first := buf.body
		if len(first) == 0 {
			first = p
		}
		x.commit(first, final)
	}
	n := len(buf.body) + len(p)
	if x.isHead {
		n, p = 0, nil
		buf.body = buf.body[:0]
	}
	tail := ""
	if x.chunked && n > 0 {
		buf.out = strconv.AppendInt(buf.out, int64(n), 16)
		buf.out = append(buf.out, "\r\n"...)
		tail = "\r\n"
	}
	err := x.send(p, tail, final)
	buf.out, buf.body = buf.out[:0], buf.body[:0]
	if err != nil {
		x.fail()
	}
	return err
}

// send writes the buffers, p and the end of the chunk or of the body.
func (x *exchange) send(p []byte, tail string, final bool) error {
	buf := x.buf
	b := append(buf.out, buf.body...)
	front := len(b)
	b = append(b, tail...)
	if final && x.chunked {
		b = x.appendTrailers(b)
	}
	buf.out = b
	var err error
	switch {
	case len(p) > 0:
		buf.vec = [3][]byte{b[:front], p, b[front:]}
		buf.list = buf.vec[:]
		_, err = buf.list.WriteTo(x.conn.nc)
		buf.vec, buf.list = [3][]byte{}, nil
	case len(b) > 0:
		_, err = x.conn.nc.Write(b)
	}
	return err
}

// appendTrailers ends a chunked body.
func (x *exchange) appendTrailers(b []byte) []byte {
	b = append(b, "0\r\n"...)
	for name, values := range x.header {
		if name, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			b = appendFields(b, name, values)
		}
	}
	for _, name := range x.given.trailers {
		b = appendFields(b, name, x.header[name])
	}
	return append(b, "\r\n"...)
}

// flushAll ends the answer once the handler has returned.
func (x *exchange) flushAll() {
	if x.status == 0 {
		if x.req.RequestURI == "*" && x.req.Method == http.MethodOptions {
			x.Header()["Content-Length"] = []string{"0"}
		}
		x.WriteHeader(http.StatusOK)
	}
	if x.buf != nil && (!x.committed || x.chunked || len(x.buf.body) > 0) {
		_ = x.emit(nil, true)
	}
	x.release()
	if form := x.req.MultipartForm; form != nil {
		_ = form.RemoveAll()
	}
}

// keep tells whether the connection is in a state to go on.
func (x *exchange) keep() bool {
	short := x.length >= 0 && x.written != x.length && bodyAllowed(x.status) && !x.isHead
	return !x.close && !short && !x.failed.Load()
}

// fail ends the request: the client is not there to read the answer.
func (x *exchange) fail() {
	x.failed.Store(true)
	x.ctx.cancel()
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

func appendStatus(b []byte, is11 bool, code int) []byte {
	if is11 && code == http.StatusOK {
		return append(b, "HTTP/1.1 200 OK\r\n"...)
	}
	if is11 {
		b = append(b, "HTTP/1.1 "...)
	} else {
		b = append(b, "HTTP/1.0 "...)
	}
	b = strconv.AppendInt(b, int64(code), 10)
	b = append(b, ' ')
	if text := http.StatusText(code); text != "" {
		b = append(b, text...)
	} else {
		b = append(b, "status code "...)
		b = strconv.AppendInt(b, int64(code), 10)
	}
	return append(b, "\r\n"...)
}

// appendFields appends a field for each value. What could begin a line of its own is kept
// on its line; a name that is none is left out.
func appendFields(b []byte, name string, values []string) []byte {
	if !httpguts.ValidHeaderFieldName(name) {
		return b
	}
	for _, v := range values {
		b = appendField(b, name, v)
	}
	return b
}

var lineBreaks = strings.NewReplacer("\r", " ", "\n", " ")

func appendField(b []byte, name, value string) []byte {
	if strings.IndexByte(value, '\n') >= 0 || strings.IndexByte(value, '\r') >= 0 {
		value = lineBreaks.Replace(value)
	}
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, textproto.TrimString(value)...)
	return append(b, "\r\n"...)
}

// date is the Date field of one second.
type date struct {
	second int64
	line   []byte
}

var today atomic.Pointer[date]

func appendDate(b []byte) []byte {
	now := time.Now()
	d := today.Load()
	if d == nil || d.second != now.Unix() {
		d = &date{second: now.Unix()}
		d.line = now.UTC().AppendFormat([]byte("Date: "), http.TimeFormat)
		d.line = append(d.line, "\r\n"...)
		today.Store(d)
	}
	return append(b, d.line...)
}
