//go:build linux

package main

import (
	"bytes"
	"fmt"
	"strconv"
)

// answer reads one HTTP/1.1 answer as its bytes come in, and compares its body with
// what it should be. It knows just enough HTTP for that, so that it takes little CPU.
type answer struct {
	want []byte // the body that is due

	head    []byte // what has come of the head, while it is incomplete
	left    int    // bytes still due of the body or of the current chunk
	at      int    // bytes of the body compared so far
	chunked bool
	body    bool   // the head is complete
	line    []byte // what has come of a chunk's size line
}

var (
	endOfHead     = []byte("\r\n\r\n")
	contentLength = []byte("\nContent-Length: ")
	chunkedCoding = []byte("\ntransfer-encoding: chunked")
)

// take gives the answer what was read. It returns true once the answer is complete,
// and an error if it is not what it should be; the connection is of no use then.
func (a *answer) take(b []byte) (done bool, err error) {
	if !a.body {
		if b, err = a.takeHead(b); err != nil || !a.body {
			return false, err
		}
	}
	if a.chunked {
		return a.takeChunks(b)
	}
	if err := a.compare(b); err != nil {
		return false, err
	}
	if a.left > 0 {
		return false, nil
	}
	return true, a.complete()
}

// takeHead returns what follows the head.
func (a *answer) takeHead(b []byte) ([]byte, error) {
	if len(a.head) > 0 {
		a.head = append(a.head, b...)
		b = a.head
	}
	end := bytes.Index(b, endOfHead)
	if end < 0 {
		if len(a.head) == 0 {
			a.head = append(a.head, b...)
		}
		return nil, nil
	}
	head, rest := b[:end], b[end+len(endOfHead):]
	if len(head) < 12 || string(head[9:12]) != "200" {
		return nil, fmt.Errorf("answered %.300q", b)
	}
	a.body = true
	if i := bytes.Index(head, contentLength); i >= 0 {
		return rest, a.takeLength(head[i+len(contentLength):])
	}
	lower := bytes.ToLower(head)
	if bytes.Contains(lower, chunkedCoding) {
		a.chunked = true
		return rest, nil
	}
	if i := bytes.Index(lower, bytes.ToLower(contentLength)); i >= 0 {
		return rest, a.takeLength(lower[i+len(contentLength):])
	}
	return nil, fmt.Errorf("neither length nor chunks in %.300q", head)
}

func (a *answer) takeLength(digits []byte) error {
	if i := bytes.IndexByte(digits, '\r'); i >= 0 {
		digits = digits[:i]
	}
	n, err := strconv.Atoi(string(digits))
	if err != nil || n != len(a.want) {
		return fmt.Errorf("content length is %q, not %d", digits, len(a.want))
	}
	a.left = n
	return nil
}

func (a *answer) compare(b []byte) error {
	if len(b) > a.left || a.at+len(b) > len(a.want) {
		return fmt.Errorf("%d bytes more than were due", len(b)-a.left)
	}
	if !bytes.Equal(b, a.want[a.at:a.at+len(b)]) {
		return fmt.Errorf("the body differs between byte %d and %d", a.at, a.at+len(b))
	}
	a.at += len(b)
	a.left -= len(b)
	return nil
}

// takeChunks reads size lines and chunks. A chunk's closing CRLF is read as an empty
// size line.
func (a *answer) takeChunks(b []byte) (done bool, err error) {
	for len(b) > 0 {
		if a.left > 0 {
			n := min(a.left, len(b))
			if err := a.compare(b[:n]); err != nil {
				return false, err
			}
			b = b[n:]
			continue
		}
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			a.line = append(a.line, b...)
			return false, nil
		}
		line := bytes.TrimRight(append(a.line, b[:end]...), "\r")
		a.line, b = a.line[:0], b[end+1:]
		if len(line) == 0 {
			if a.at == -1 {
				return true, nil
			}
			continue
		}
		size, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil {
			return false, fmt.Errorf("chunk size: %w", err)
		}
		if size == 0 {
			if err := a.complete(); err != nil {
				return false, err
			}
			a.at = -1 // only the empty line that ends the trailers is still due
		}
		a.left = int(size)
	}
	return false, nil
}

func (a *answer) complete() error {
	if a.at != len(a.want) {
		return fmt.Errorf("the body ended after %d of %d bytes", a.at, len(a.want))
	}
	return nil
}

// reset makes a ready for the next answer.
func (a *answer) reset() {
	*a = answer{want: a.want, head: a.head[:0], line: a.line[:0]}
}
