package logs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// pipe is the reading end of what the process writes.
type pipe struct {
	file    *os.File
	raw     rawConn
	waiting atomic.Bool // in read, with nothing in hand
	done    chan struct{}
}

type rawConn interface{ Control(func(fd uintptr)) error }

// Pipe opens the pipe that the log is read from and returns the end that the process
// writes to; close it once the process has it. Reading ends when nobody has that end
// any more, or with Stop.
func (l *Log) Pipe() (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open a pipe for the log: %w", err)
	}
	raw, err := r.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, r.Close(), w.Close())
	}
	l.pipe = &pipe{file: r, raw: raw, done: make(chan struct{})}
	go l.read()
	return w, nil
}

func (l *Log) read() {
	p := l.pipe
	defer close(p.done)
	buf := make([]byte, 8<<10)
	for {
		p.waiting.Store(true)
		n, err := p.file.Read(buf)
		p.waiting.Store(false)
		l.write(buf[:n])
		if err != nil {
			l.finish()
			return
		}
	}
}

// Extra opens a pipe for what a second process of the instance writes. read waits for
// its end, which comes once nobody has the file any more.
func (l *Log) Extra() (w *os.File, read func(), err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("open a pipe for the log: %w", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer r.Close()
		lines := bufio.NewReaderSize(r, maxLine)
		for {
			line, err := lines.ReadSlice('\n')
			if len(line) > 0 {
				l.mu.Lock()
				l.line(bytes.TrimRight(line, "\r\n"))
				l.mu.Unlock()
			}
			if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
				return
			}
		}
	}()
	return w, func() { <-done }, nil
}

// Stop waits for the end of what was written, at most bound, and ends the reading.
func (l *Log) Stop(bound time.Duration) {
	p := l.pipe
	if p == nil {
		return
	}
	t := time.NewTimer(bound)
	defer t.Stop()
	select {
	case <-p.done:
	case <-t.C:
		_ = p.file.SetReadDeadline(time.Unix(1, 0))
		<-p.done
	}
	p.file.Close()
}

// drained waits until everything in the pipe was read, but not past the deadline.
func (p *pipe) drained(deadline time.Time) {
	// The reader may have taken bytes and not said so yet; it must look idle twice.
	for calm := 0; calm < 2; {
		select {
		case <-p.done:
			return
		default:
		}
		if p.waiting.Load() && p.empty() {
			calm++
		} else {
			calm = 0
		}
		if time.Now().After(deadline) {
			return
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// empty tells whether nothing is in the pipe; true as well if that cannot be known.
func (p *pipe) empty() bool {
	left := 0
	if err := p.raw.Control(func(fd uintptr) { left, _ = unix.IoctlGetInt(int(fd), inq) }); err != nil {
		return true
	}
	return left == 0
}
