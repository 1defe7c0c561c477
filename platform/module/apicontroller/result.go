package apicontroller

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/fc"
)

// eventResult takes the answer of an event call: as it is for InvokeFunction, or into
// memory when it has to become an HTTP answer.
type eventResult struct {
	x       *exchange
	version *fc.Version
	hold    bool // keep the answer instead of sending it
	head    fc.Head
	held    *bytes.Buffer
}

// maxHeld bounds an answer that becomes HTTP: 32 MiB, in base64, and the object around.
const maxHeld = api.MaxEvent/3*4 + 1<<20

func (e *eventResult) Header() http.Header { return http.Header{} }

func (e *eventResult) Begin(h fc.Head) {
	e.head = h
	if e.hold {
		return
	}
	out := e.x.w.Header()
	setCallHeaders(out, e.x.id, e.version, h)
	out["Content-Type"] = []string{"application/octet-stream"}
	if h.ErrorType != "" {
		out["Content-Type"] = []string{"application/json"}
	}
	if h.Size >= 0 {
		out["Content-Length"] = []string{strconv.FormatInt(h.Size, 10)}
	}
	e.x.begin(http.StatusOK)
}

// setCallHeaders says what InvokeFunction says of a call.
func setCallHeaders(out http.Header, id string, v *fc.Version, h fc.Head) {
	out[requestIDHeader] = []string{id}
	out["X-Fc-Invocation-Duration"] = []string{strconv.FormatInt(h.Duration.Milliseconds(), 10)}
	out["X-Fc-Max-Memory-Usage"] = []string{strconv.Itoa(h.MemoryMB)}
	out["X-Fc-Code-Checksum"] = []string{v.Code.CRC64}
	out["X-Fc-Invocation-Service-Version"] = []string{v.Version}
	if h.Instance != "" {
		out["X-Fc-Instance-Id"] = []string{string(h.Instance)}
	}
	setOutcome(out, h)
}

func setOutcome(out http.Header, h fc.Head) {
	if h.ErrorType != "" {
		out[errorTypeHeader] = []string{h.ErrorType}
	}
	if h.LogTail != nil {
		out["X-Fc-Log-Result"] = []string{base64.StdEncoding.EncodeToString(h.LogTail)}
	}
}

func (e *eventResult) Write(p []byte) (int, error) {
	if !e.hold {
		return e.x.w.Write(p)
	}
	if e.held == nil {
		e.held = new(bytes.Buffer)
	}
	if e.held.Len()+len(p) > maxHeld {
		return 0, fmt.Errorf("%w: larger than %d bytes", fc.ErrBadResponse, maxHeld)
	}
	return e.held.Write(p)
}

func (e *eventResult) Flush() {
	if !e.hold {
		flush(e.x.w)
	}
}

func (e *eventResult) answer() []byte {
	if e.held == nil {
		return nil
	}
	return e.held.Bytes()
}

func flush(w http.ResponseWriter) {
	_ = http.NewResponseController(w).Flush() // what fails here fails at the next write
}

// passResult passes the answer of an HTTP call on to the caller.
type passResult struct {
	x       *exchange
	trigger *fc.Trigger
	origin  string // of the caller's page; "": none
	refused bool
}

func (p *passResult) Header() http.Header { return p.x.w.Header() }

func (p *passResult) Begin(h fc.Head) {
	out := p.x.w.Header()
	if err := p.clean(out, h.Status); err != nil {
		p.refuse(err)
		return
	}
	if h.Size >= 0 && bodyAllowed(h.Status) {
		out["Content-Length"] = []string{strconv.FormatInt(h.Size, 10)}
	}
	setOutcome(out, h)
	p.x.begin(h.Status)
}

func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// clean drops the headers that are the platform's to set and adds its own.
func (p *passResult) clean(out http.Header, status int) error {
	if status < 200 || status > 599 {
		return api.Errorf(api.CodeBadResponse, "the function answered with status %d", status)
	}
	if err := filterAnswer(out); err != nil {
		return err
	}
	p.x.identify(out)
	setCORS(out, p.trigger.HTTP.CORS, p.origin)
	return nil
}

func (x *exchange) identify(out http.Header) { out[requestIDHeader] = []string{x.id} }

// filterAnswer drops what a function may not set, and refuses headers that are too
// large.
func filterAnswer(out http.Header) error {
	size := 0
	for name, values := range out {
		if isDropped(name) {
			delete(out, name)
			continue
		}
		for _, v := range values {
			size += len(name) + len(v)
		}
	}
	if size > api.MaxHeaderBytes {
		return api.Errorf(api.CodeBadResponse, "the headers of the function's answer are %d bytes, more than %d", size, api.MaxHeaderBytes)
	}
	return nil
}

func isDropped(name string) bool {
	switch name {
	case "Connection", "Content-Length", "Date", "Keep-Alive", "Server", "Upgrade", "Proxy-Connection", "Transfer-Encoding", "Trailer":
		return true
	}
	return strings.HasPrefix(name, "X-Fc-")
}

// refuse answers an error instead of the function's answer.
func (p *passResult) refuse(err error) {
	p.refused = true
	clear(p.x.w.Header())
	var e *api.Error
	if !errors.As(err, &e) {
		e = api.Errorf(api.CodeBadResponse, "%v", err)
	}
	e.RequestID = p.x.id
	p.x.fail(e)
}

func (p *passResult) Write(b []byte) (int, error) {
	if p.refused || !bodyAllowed(p.x.status) {
		return len(b), nil // the function may end in peace
	}
	return p.x.w.Write(b)
}

func (p *passResult) Flush() {
	if !p.refused {
		flush(p.x.w)
	}
}

// Upgrade hands the caller's connection over, after the head of the answer.
func (p *passResult) Upgrade(h fc.Head) (io.ReadWriteCloser, error) {
	header := p.x.w.Header()
	upgrade := header.Get("Upgrade")
	if err := p.clean(header, http.StatusOK); err != nil {
		return nil, fmt.Errorf("%w: %w", fc.ErrBadResponse, err)
	}
	conn, buffered, err := http.NewResponseController(p.x.w).Hijack()
	if err != nil {
		return nil, fmt.Errorf("take over the caller's connection: %w: %w", fc.ErrUnsupported, err)
	}
	p.x.begun, p.x.upgraded, p.x.status = true, true, h.Status
	if err := conn.SetDeadline(time.Time{}); err != nil {
		conn.Close()
		return nil, fmt.Errorf("take over connection: %w", err)
	}
	header.Set("Connection", "Upgrade")
	header.Set("Upgrade", upgrade)
	fmt.Fprintf(buffered, "HTTP/1.1 %d %s\r\n", h.Status, http.StatusText(h.Status))
	err = header.Write(buffered)
	if err == nil {
		_, err = buffered.WriteString("\r\n")
	}
	if err == nil {
		err = buffered.Flush()
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("answer upgrade: %w", err)
	}
	return &upgraded{Conn: conn, in: buffered.Reader}, nil
}

// upgraded reads first what the server had read ahead.
type upgraded struct {
	net.Conn
	in *bufio.Reader
}

func (u *upgraded) Read(p []byte) (int, error) {
	if u.in != nil {
		if u.in.Buffered() > 0 {
			return u.in.Read(p)
		}
		u.in = nil
	}
	return u.Conn.Read(p)
}

// CloseWrite ends one direction, so that the other may still end in order.
func (u *upgraded) CloseWrite() error {
	if c, ok := u.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}
