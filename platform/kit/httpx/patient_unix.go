//go:build unix

package httpx

import (
	"io"
	"syscall"
)

// patientReader reads from a connection and calls its waits before it has to wait.
type patientReader struct {
	conn *conn
	raw  syscall.RawConn
	try  func(fd uintptr) bool // made once, so that a read allocates nothing

	// of the read that runs
	into []byte
	n    int
	err  error
}

// newPatientReader returns a plain reader for connections that are not of the system.
func newPatientReader(c *conn) io.Reader {
	sc, ok := c.Conn.(syscall.Conn)
	if !ok {
		return c.Conn
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return c.Conn
	}
	r := &patientReader{conn: c, raw: raw}
	r.try = r.tryRead
	return r
}

func (r *patientReader) Read(p []byte) (int, error) {
	if r.conn.waits == nil || len(p) == 0 {
		return r.conn.Read(p)
	}
	r.into, r.n, r.err = p, 0, nil
	err := r.raw.Read(r.try)
	r.into = nil
	if r.err != nil {
		err = r.err
	}
	return r.n, err
}

// tryRead reads what is there; false: there is nothing, wait.
func (r *patientReader) tryRead(fd uintptr) bool {
	for {
		n, err := syscall.Read(int(fd), r.into)
		switch err {
		case nil:
			r.n = n
			if n == 0 {
				r.err = io.EOF
			}
			return true
		case syscall.EINTR:
		case syscall.EAGAIN:
			r.conn.waits()
			return false
		default:
			r.err = err
			return true
		}
	}
}
