package goruntime

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	base = "/2020-11-11/runtime/invocation/"

	maxConns  = 256     // of one process; more are refused
	maxHeader = 1 << 20 // bytes of one request's head
	maxRest   = 1 << 20 // bytes of a body read to keep a connection
)

// conn is one connection of the process. Requests on it are served one by one.
type conn struct {
	server *Server
	nc     net.Conn
	in     *bufio.Reader
	out    *bufio.Writer
	budget int64      // bytes that may still be read; bounds a request's head
	work   chan *Work // given to it while it waits; buffered
}

func (s *Server) accept() {
	for {
		nc, err := s.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(5 * time.Millisecond) // out of descriptors: others may end
			continue
		}
		c := &conn{server: s, nc: nc, work: make(chan *Work, 1)}
		c.in, c.out = bufio.NewReader(c), bufio.NewWriter(nc)
		if !s.add(c) {
			nc.Close()
			continue
		}
		s.group.Go(c.serve)
	}
}

func (s *Server) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closed:
		return false
	default:
	}
	if len(s.conns) >= maxConns {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

// Read reads from the connection within the budget of the head being read.
func (c *conn) Read(p []byte) (int, error) {
	if c.budget <= 0 {
		return 0, errors.New("request head too large")
	}
	if int64(len(p)) > c.budget {
		p = p[:c.budget]
	}
	n, err := c.nc.Read(p)
	c.budget -= int64(n)
	return n, err
}

// alive tells whether the process still has its end of an idle connection open.
func (c *conn) alive() bool {
	raw, err := c.nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		return false
	}
	open := true
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		open = n > 0 || errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR)
		return true
	})
	return err == nil && open
}

func (c *conn) serve() {
	defer c.nc.Close()
	defer c.server.drop(c)
	for {
		c.budget = maxHeader
		r, err := http.ReadRequest(c.in)
		if err != nil {
			return
		}
		c.budget = 1 << 62
		if strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
			c.out.WriteString("HTTP/1.1 100 Continue\r\n\r\n")
			if c.out.Flush() != nil {
				return
			}
		}
		if !c.handle(r) || r.Close {
			return
		}
	}
}

// handle serves one request and tells whether the connection can go on.
func (c *conn) handle(r *http.Request) bool {
	path, known := strings.CutPrefix(r.URL.Path, base)
	id, what, _ := strings.Cut(path, "/")
	switch {
	case known && path == "next" && r.Method == http.MethodGet:
		return c.rest(r) && c.next()
	case known && r.Method == http.MethodPost && (what == "response" || what == "error"):
		return c.answer(r, id, what == "error")
	}
	return c.rest(r) && c.refuse(http.StatusNotFound, "no such path", "InvalidPath")
}

// next waits for work and hands it over.
func (c *conn) next() bool {
	w := c.server.ask(c)
	if w == nil {
		select {
		case w = <-c.work:
		case <-c.server.closed:
			return false
		}
	}
	begun, err := c.send(w)
	if err == nil {
		return true
	}
	if !begun {
		c.server.putBack(w)
	} else if c.server.take(w.RequestID) == w {
		w.results <- result{err: fmt.Errorf("hand over the request: %w", err)}
	}
	return false
}

// send writes w as the answer to next. begun tells whether any of its body was read.
func (c *conn) send(w *Work) (begun bool, err error) {
	size := w.Size
	if w.Body == nil {
		size = 0
	}
	c.out.WriteString("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n")
	c.out.WriteString(c.server.common)
	c.field("x-fc-request-id", w.RequestID)
	c.field("x-fc-function-type", strconv.Itoa(w.Type))
	c.field("x-fc-function-timeout", strconv.Itoa(int((w.Timeout+time.Second-1)/time.Second)))
	c.field("x-fc-function-deadline", strconv.FormatInt(w.Deadline.UnixMilli(), 10))
	c.field("x-fc-qualifier", w.Qualifier)
	if w.Attempt > 0 {
		c.field("x-fc-retry-count", strconv.Itoa(w.Attempt))
	}
	if size < 0 {
		c.field("Transfer-Encoding", "chunked")
	} else {
		c.field("Content-Length", strconv.FormatInt(size, 10))
	}
	c.out.WriteString("\r\n")
	if size == 0 {
		return false, c.out.Flush()
	}
	if err := c.out.Flush(); size < 0 && err != nil {
		return false, err
	}
	if size < 0 {
		return true, c.sendChunks(w.Body)
	}
	if _, err := io.CopyN(c.out, w.Body, size); err != nil {
		return true, err
	}
	return true, c.out.Flush()
}

func (c *conn) sendChunks(body io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			c.out.WriteString(strconv.FormatInt(int64(n), 16) + "\r\n")
			c.out.Write(buf[:n])
			c.out.WriteString("\r\n")
		}
		if err == io.EOF {
			c.out.WriteString("0\r\n\r\n")
			return c.out.Flush()
		}
		if err != nil {
			return err
		}
		if err := c.out.Flush(); err != nil {
			return err
		}
	}
}

// answer brings what the process posted to the call that waits for it.
func (c *conn) answer(r *http.Request, id string, failed bool) bool {
	w := c.server.take(id)
	if w == nil {
		return c.rest(r) && c.refuse(http.StatusBadRequest, "no such request is running", "InvalidRequestID")
	}
	a := &Answer{Failed: failed, Size: r.ContentLength, Body: r.Body, done: make(chan struct{})}
	w.results <- result{answer: a}
	select {
	case <-a.done:
	case <-c.server.closed:
		return false
	}
	return c.rest(r) && c.reply(http.StatusOK, "")
}

// rest reads what is left of a request's body, within reason.
func (c *conn) rest(r *http.Request) bool {
	if r.Body == http.NoBody {
		return true
	}
	n, err := io.CopyN(io.Discard, r.Body, maxRest)
	return errors.Is(err, io.EOF) && n < maxRest
}

func (c *conn) refuse(status int, message, kind string) bool {
	return c.reply(status, `{"errorMessage":"`+message+`","errorType":"`+kind+`"}`)
}

func (c *conn) reply(status int, body string) bool {
	c.out.WriteString("HTTP/1.1 " + strconv.Itoa(status) + " " + http.StatusText(status) + "\r\n")
	if body != "" {
		c.field("Content-Type", "application/json")
	}
	c.field("Content-Length", strconv.Itoa(len(body)))
	c.out.WriteString("\r\n" + body)
	return c.out.Flush() == nil
}

func (c *conn) field(name, value string) {
	c.out.WriteString(name)
	c.out.WriteString(": ")
	c.out.WriteString(oneLine(value))
	c.out.WriteString("\r\n")
}

func headerLines(fields [][2]string) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f[0] + ": " + oneLine(f[1]) + "\r\n")
	}
	return b.String()
}

// oneLine keeps a value from starting a header of its own.
func oneLine(v string) string {
	if strings.ContainsAny(v, "\r\n") {
		return strings.NewReplacer("\r", " ", "\n", " ").Replace(v)
	}
	return v
}
