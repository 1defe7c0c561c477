package httpx

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"strconv"
	"strings"
)

// ErrHeaderTooLarge: the server's status line and fields exceed the pool's bound.
var ErrHeaderTooLarge = errors.New("response header is too large")

// ErrMalformed: what the server sent is not an HTTP/1.1 answer.
var ErrMalformed = errors.New("malformed response")

// Field is one header field, its name in canonical form.
type Field struct{ Name, Value string }

// head is the parsed beginning of an answer.
type head struct {
	status   int
	fields   []Field
	size     int64 // of the body; -1: until its end shows
	chunked  bool
	keep     bool // the connection can be used again after the body
	upgraded bool
}

// readHead reads the head of the final answer; interim ones are skipped. The fields
// are appended to fields.
func readHead(r *bufio.Reader, fields []Field, limit int, method string, upgrade bool) (head, error) {
	for {
		h, err := readOneHead(r, fields, limit, method)
		if err != nil {
			return head{}, err
		}
		switch {
		case h.status == http.StatusSwitchingProtocols:
			if !upgrade {
				return head{}, fmt.Errorf("%w: protocol switched without being asked", ErrMalformed)
			}
			h.upgraded, h.keep = true, false
			return h, nil
		case h.status >= 200:
			return h, nil
		}
	}
}

func readOneHead(r *bufio.Reader, fields []Field, limit int, method string) (head, error) {
	block, err := readBlock(r, limit)
	if err != nil {
		return head{}, err
	}
	text := string(block) // one allocation for all names and values
	line, rest, _ := strings.Cut(text, "\n")
	h, err := parseStatus(strings.TrimSuffix(line, "\r"))
	if err != nil {
		return head{}, err
	}
	h.fields = fields
	h.size = -1
	for rest != "" {
		line, rest, _ = strings.Cut(rest, "\n")
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			break
		}
		if err := h.field(line); err != nil {
			return head{}, err
		}
	}
	h.settle(method)
	return h, nil
}

// readBlock reads up to the empty line. The result is valid until the next read.
func readBlock(r *bufio.Reader, limit int) ([]byte, error) {
	for want := 1; ; {
		if want > limit {
			return nil, ErrHeaderTooLarge
		}
		if _, err := r.Peek(want); err != nil {
			if err == bufio.ErrBufferFull {
				return nil, ErrHeaderTooLarge
			}
			if err == io.EOF && r.Buffered() > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		block, _ := r.Peek(r.Buffered())
		if end := endOfHead(block); end > 0 {
			r.Discard(end)
			if end > limit {
				return nil, ErrHeaderTooLarge
			}
			return block[:end], nil
		}
		want = len(block) + 1
	}
}

// endOfHead is the length of the head in b, its empty line included; 0: not complete.
func endOfHead(b []byte) int {
	if i := bytes.Index(b, crlfcrlf); i >= 0 {
		return i + 4
	}
	if i := bytes.Index(b, lflf); i >= 0 {
		return i + 2
	}
	return 0
}

var (
	crlfcrlf = []byte("\r\n\r\n")
	lflf     = []byte("\n\n")
)

func parseStatus(line string) (head, error) {
	// HTTP/1.x SP 3DIGIT [SP reason]
	if len(line) < 12 || line[:7] != "HTTP/1." || line[8] != ' ' || len(line) > 12 && line[12] != ' ' {
		return head{}, fmt.Errorf("%w: status line %.40q", ErrMalformed, line)
	}
	status, err := strconv.Atoi(line[9:12])
	if err != nil || status < 100 {
		return head{}, fmt.Errorf("%w: status line %.40q", ErrMalformed, line)
	}
	return head{status: status, keep: line[7] == '1'}, nil
}

func (h *head) field(line string) error {
	name, value, ok := strings.Cut(line, ":")
	if !ok || name == "" || strings.ContainsAny(name, " \t") {
		return fmt.Errorf("%w: header line %.40q", ErrMalformed, line)
	}
	name, value = canonical(name), textproto.TrimString(value)
	switch name {
	case "Content-Length":
		size, err := strconv.ParseUint(value, 10, 63)
		if err != nil || h.size >= 0 && h.size != int64(size) {
			return fmt.Errorf("%w: Content-Length %.40q", ErrMalformed, value)
		}
		h.size = int64(size)
	case "Transfer-Encoding":
		if !strings.EqualFold(value, "chunked") {
			return fmt.Errorf("%w: Transfer-Encoding %.40q", ErrMalformed, value)
		}
		h.chunked = true
	case "Connection":
		one := [1]string{value}
		if hasToken(one[:], "close") {
			h.keep = false
		} else if hasToken(one[:], "keep-alive") {
			h.keep = true
		}
	}
	h.fields = append(h.fields, Field{name, value})
	return nil
}

// settle decides where the body ends.
func (h *head) settle(method string) {
	switch {
	case method == http.MethodHead || h.status == http.StatusNoContent || h.status == http.StatusNotModified:
		h.chunked = false
		if method != http.MethodHead || h.size < 0 {
			h.size = 0
		}
	case h.status < 200:
	case h.chunked:
		h.size = -1
	case h.size < 0:
		h.keep = false // the body ends with the connection
	}
}

// bodyReader is the reader of a body that h announces.
func (h *head) bodyReader(r *bufio.Reader, method string) io.Reader {
	switch {
	case method == http.MethodHead || h.size == 0:
		return nil
	case h.chunked:
		return &chunkedBody{r: r, data: httputil.NewChunkedReader(r)}
	case h.size > 0:
		return &sizedBody{r: r, left: h.size}
	}
	return r
}

type sizedBody struct {
	r    *bufio.Reader
	left int64
}

func (b *sizedBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	if err == io.EOF && b.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// chunkedBody ends with the trailer, which is read and thrown away.
type chunkedBody struct {
	r    *bufio.Reader
	data io.Reader
	done bool
}

// maxTrailer bounds the lines after the last chunk.
const maxTrailer = 64

func (b *chunkedBody) Read(p []byte) (int, error) {
	if b.done {
		return 0, io.EOF
	}
	n, err := b.data.Read(p)
	if err == io.EOF {
		b.done = true
		if e := b.skipTrailer(); e != nil {
			return n, e
		}
	}
	return n, err
}

func (b *chunkedBody) skipTrailer() error {
	for range maxTrailer {
		line, err := b.r.ReadSlice('\n')
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return nil
		}
	}
	return fmt.Errorf("%w: trailer", ErrMalformed)
}

// canonical is textproto.CanonicalMIMEHeaderKey without an allocation for names that
// servers use.
func canonical(name string) string {
	if known, ok := names[name]; ok {
		return known
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}

var names = func() map[string]string {
	m := make(map[string]string)
	for _, n := range []string{
		"Accept-Ranges", "Access-Control-Allow-Origin", "Cache-Control", "Connection", "Content-Disposition",
		"Content-Encoding", "Content-Language", "Content-Length", "Content-Range", "Content-Type", "Date", "Etag",
		"Expires", "Keep-Alive", "Last-Modified", "Location", "Pragma", "Server", "Set-Cookie", "Transfer-Encoding",
		"Upgrade", "Vary", "X-Fc-Status", "X-Fc-Error-Type",
	} {
		m[n], m[strings.ToLower(n)] = n, n
	}
	m["ETag"] = "Etag"
	return m
}()
