package apicontroller

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/module/apicontroller/intake"
)

// streamBody is the body of a request that is passed on while it comes. It reads up to
// the limit and fails beyond it.
type streamBody struct {
	x      *exchange
	left   int64 // of the limit
	size   int64 // announced; -1: in chunks
	read   int64
	ended  bool // all of it was read
	closed bool // nobody wants the rest
}

// stream makes the request's own body the body of the call.
func (x *exchange) stream() error {
	// Without it the server reads the rest of the body when the answer begins, and
	// the function gets a part of it.
	if err := http.NewResponseController(x.w).EnableFullDuplex(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	x.upload = streamBody{x: x, left: api.MaxEvent, size: x.r.ContentLength}
	x.call.Body, x.call.Size = &x.upload, x.r.ContentLength
	return nil
}

func (s *streamBody) Read(p []byte) (int, error) {
	if s.left < 0 {
		return 0, intake.TooLarge(api.MaxEvent)
	}
	if int64(len(p)) > s.left+1 {
		p = p[:s.left+1]
	}
	n, err := s.x.r.Body.Read(p)
	s.read += int64(n)
	s.ended = s.ended || err == io.EOF || s.read == s.size
	if s.left -= int64(n); s.left < 0 {
		return n - 1, intake.TooLarge(api.MaxEvent)
	}
	return n, err
}

// Close ends a Read that waits for a client from whom nobody wants to hear any more.
func (s *streamBody) Close() error {
	s.closed = true
	return http.NewResponseController(s.x.w).SetReadDeadline(time.Unix(1, 0))
}

// lingerFor is how long a client may take to see the answer before its connection goes.
const lingerFor = 500 * time.Millisecond

// cutOff ends the connection of a request whose body was given up half-way. The server
// itself does not: it would take what comes of the body for the next request, and
// behind a load balancer that one would be somebody else's.
func (x *exchange) cutOff() {
	if !x.upload.closed || x.upload.ended || x.r.ProtoMajor != 1 || x.upgraded {
		return
	}
	chunked := x.w.Header()["Content-Length"] == nil && x.r.ProtoAtLeast(1, 1) && x.r.Method != http.MethodHead && bodyAllowed(x.status)
	control := http.NewResponseController(x.w)
	if err := control.Flush(); err != nil {
		panic(http.ErrAbortHandler)
	}
	conn, out, err := control.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer conn.Close()
	if chunked {
		out.WriteString("0\r\n\r\n") //nolint:errcheck // Flush has the error
	}
	if out.Flush() != nil {
		return
	}
	// Closing with bytes unread would reset the connection and the answer with it.
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil && conn.SetReadDeadline(time.Now().Add(lingerFor)) == nil {
		io.CopyN(io.Discard, conn, api.MaxEvent) //nolint:errcheck // either end will do
	}
}
