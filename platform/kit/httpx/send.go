package httpx

import (
	"fmt"
	"io"
	"net/http/httputil"
	"sync"
)

// buffers are what bodies are moved with.
var buffers = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

// send writes the request: at once if its body is small, otherwise the head now and
// the body in a goroutine of its own, so that the answer can come meanwhile.
func (r *Response) send(req *Request) error {
	w := r.conn.w
	req.writeHead(w)
	switch {
	case req.Body == nil || req.Size == 0:
		return w.Flush()
	case req.Size > 0 && req.Size <= inline:
		buf := buffers.Get().(*[copyBuffer]byte)
		defer buffers.Put(buf)
		body := buf[:req.Size]
		if _, err := io.ReadFull(req.Body, body); err != nil {
			return fmt.Errorf("read request body: %w", err)
		}
		w.Write(body)
		return w.Flush()
	}
	if req.Size < 0 {
		// A body of unknown size may be a conversation: the server has to see its
		// beginning. Of others the head goes with the first bytes.
		if err := w.Flush(); err != nil {
			return err
		}
	}
	r.sent, r.source = make(chan struct{}), req.Body
	go func() {
		defer close(r.sent)
		source := &source{Reader: req.Body}
		if r.failed = r.sendBody(req, source); source.err != nil {
			// Nobody will ever answer half a request. If it is the server that takes
			// no more, though, its answer may be there already.
			r.conn.SetDeadline(past)
		}
	}()
	return nil
}

// source remembers why a body could not be read.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		s.err = fmt.Errorf("read request body: %w", err)
	}
	return n, err
}

func (r *Response) sendBody(req *Request, body *source) error {
	buf := buffers.Get().(*[copyBuffer]byte)
	defer buffers.Put(buf)
	if req.Size < 0 {
		return r.sendChunked(body, buf[:])
	}
	w := r.conn.w
	for left := req.Size; left > 0; {
		n, err := body.Read(buf[:min(left, copyBuffer)])
		left -= int64(n)
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		switch {
		case err == io.EOF && left > 0:
			body.err = io.ErrUnexpectedEOF
			return body.err
		case err != nil && err != io.EOF:
			return body.err
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Response) sendChunked(body io.Reader, buf []byte) error {
	w := r.conn.w
	chunks := httputil.NewChunkedWriter(w)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			if _, err := chunks.Write(buf[:n]); err != nil {
				return err
			}
			// What the client sent may be all it sends before it sees an answer.
			if err := w.Flush(); err != nil {
				return err
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if err := chunks.Close(); err != nil {
		return err
	}
	if _, err := w.WriteString("\r\n"); err != nil {
		return err
	}
	return w.Flush()
}
