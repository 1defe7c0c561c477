package server

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// headSlack is what a head may exceed Server.MaxHeaderBytes by, as with net/http.
const headSlack = 4 << 10

// refusal is the answer to a request that does not reach the handler.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return r.reason }

func bad(reason string) error { return &refusal{http.StatusBadRequest, reason} }

// errGone: there is nobody to answer.
var errGone = errors.New("connection is gone")

// readHead returns the next head, up to and with the empty line that ends it. The text is
// copied once; all the request's strings are parts of it.
func (c *conn) readHead() (string, error) {
	limit := c.srv.maxHead()
	var long []byte // the head so far, if it outgrows the reader's buffer
	from, checked := 0, false
	for {
		b, _ := c.br.Peek(c.br.Buffered())
		if long != nil {
			old := len(long)
			long = append(long, b...)
			end, next := headEnd(long, from)
			if end > 0 && end <= limit {
				_, _ = c.br.Discard(end - old)
				return string(long[:end]), nil
			}
			if len(long) > limit {
				return "", &refusal{http.StatusRequestHeaderFieldsTooLarge, "request header is too large"}
			}
			from = next
			_, _ = c.br.Discard(len(b))
		} else {
			end, next := headEnd(b, from)
			if end > 0 {
				head := string(b[:end])
				_, _ = c.br.Discard(end)
				return head, nil
			}
			from = next
			if len(b) == c.br.Size() {
				long = append(make([]byte, 0, 2*len(b)), b...)
				_, _ = c.br.Discard(len(b))
			}
			if !checked {
				var err error
				if checked, err = c.begun(b); err != nil {
					return "", err
				}
			}
		}
		if err := c.more(); err != nil {
			return "", lost(err, len(b)+len(long))
		}
	}
}

// begun looks at the request line of an incomplete head: what speaks another protocol
// may wait for an answer before it sends anything that ends the head.
func (c *conn) begun(b []byte) (checked bool, err error) {
	if len(b) > 0 && phaseOf(c.word.Load()) != phaseHead && !c.setPhase(phaseHead) {
		return false, errGone
	}
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return false, nil
	}
	line, _ := cutLine(string(b[:i+1]))
	return true, parseRequestLine(line, new(http.Request))
}

// more waits for more than what is buffered.
func (c *conn) more() error {
	_, err := c.br.Peek(c.br.Buffered() + 1)
	return err
}

// lost tells what to answer when the connection ended after n bytes of a head.
func lost(err error, n int) error {
	if errors.Is(err, io.EOF) && n > 0 {
		return bad("incomplete request") // half closed: there may be a reader
	}
	return errGone
}

// headEnd returns the index behind the first empty line, or 0 and where to look on once
// there is more.
func headEnd(b []byte, from int) (end, next int) {
	for i := from; ; {
		j := bytes.IndexByte(b[i:], '\n')
		if j < 0 {
			return 0, len(b)
		}
		i += j + 1
		switch rest := b[i:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return i + 1, 0
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return i + 2, 0
		case len(rest) == 0, len(rest) == 1 && rest[0] == '\r':
			return 0, i - 1
		}
	}
}

// cutLine takes the first line off s, without its end.
func cutLine(s string) (line, rest string) {
	line, rest, _ = strings.Cut(s, "\n")
	return strings.TrimSuffix(line, "\r"), rest
}

// parseHead fills req, its body aside, or tells why it is refused.
func parseHead(head string, req *http.Request) error {
	line, rest := cutLine(head)
	if err := parseRequestLine(line, req); err != nil {
		return err
	}
	var hosts int
	var host string
	if err := parseFields(rest, req, &hosts, &host); err != nil {
		return err
	}
	if hosts > 1 {
		return bad("too many Host headers")
	}
	req.Host = req.URL.Host
	if req.Host == "" {
		req.Host = host
	}
	if p := req.Header["Pragma"]; len(p) > 0 && p[0] == "no-cache" && req.Header["Cache-Control"] == nil {
		req.Header["Cache-Control"] = []string{"no-cache"}
	}
	if err := parseFraming(req); err != nil {
		return err
	}
	if req.ProtoMajor != 1 {
		return &refusal{http.StatusHTTPVersionNotSupported, "unsupported protocol version"}
	}
	if hosts == 0 && req.ProtoMinor > 0 && req.Method != http.MethodConnect {
		return bad("missing required Host header")
	}
	if hosts > 0 && !httpguts.ValidHostHeader(host) {
		return bad("malformed Host header")
	}
	return nil
}

func parseRequestLine(line string, req *http.Request) (err error) {
	var ok1, ok2, ok3 bool
	req.Method, line, ok1 = strings.Cut(line, " ")
	req.RequestURI, req.Proto, ok2 = strings.Cut(line, " ")
	if !ok1 || !ok2 || !httpguts.ValidHeaderFieldName(req.Method) { // a token, too
		return bad("malformed request line")
	}
	if req.Proto == "HTTP/1.1" {
		req.ProtoMajor, req.ProtoMinor = 1, 1
	} else if req.ProtoMajor, req.ProtoMinor, ok3 = http.ParseHTTPVersion(req.Proto); !ok3 {
		return bad("malformed HTTP version")
	}
	target := req.RequestURI
	authority := req.Method == http.MethodConnect && !strings.HasPrefix(target, "/")
	if authority {
		target = "http://" + target
	}
	if req.URL, err = url.ParseRequestURI(target); err != nil {
		return bad("malformed request target")
	}
	if authority {
		req.URL.Scheme = ""
	}
	return nil
}

// parseFields reads the fields of a head into req.Header, except Host.
func parseFields(s string, req *http.Request, hosts *int, host *string) error {
	if s != "" && (s[0] == ' ' || s[0] == '\t') {
		return bad("malformed header")
	}
	n := min(strings.Count(s, "\n"), 1000)
	one := make([]string, n) // a slice for each name, in one piece
	req.Header = make(http.Header, n)
	for {
		var line string
		line, s = cutLine(s)
		if line == "" {
			return nil
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !httpguts.ValidHeaderFieldName(name) {
			return bad("invalid header name")
		}
		value = trim(value)
		if s != "" && (s[0] == ' ' || s[0] == '\t') {
			value, s = unfold(value, s)
		}
		if !httpguts.ValidHeaderFieldValue(value) {
			return bad("invalid header value")
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		if name == "Host" {
			*hosts, *host = *hosts+1, value
			continue
		}
		if vv := req.Header[name]; vv != nil || len(one) == 0 {
			req.Header[name] = append(vv, value)
			continue
		}
		one[0] = value
		req.Header[name] = one[:1:1]
		one = one[1:]
	}
}

// unfold joins the continuation lines at the beginning of s to a value.
func unfold(value, s string) (string, string) {
	var b strings.Builder
	b.WriteString(value)
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		var line string
		line, s = cutLine(strings.TrimLeft(s, " \t"))
		b.WriteByte(' ')
		b.WriteString(trim(line))
	}
	return strings.TrimLeft(b.String(), " \t"), s
}

func trim(s string) string { return strings.Trim(s, " \t") }

// parseFraming finds out where the body ends and whether the connection does so too.
// Whatever two servers could read differently is refused.
func parseFraming(req *http.Request) error {
	h := req.Header
	req.Close = wantsClose(req)
	chunked, err := takeTransferEncoding(req)
	if err != nil {
		return err
	}
	length, err := contentLength(h)
	switch {
	case err != nil:
		return err
	case !chunked:
		req.ContentLength = max(length, 0)
		return nil
	}
	delete(h, "Content-Length")
	req.ContentLength = -1
	req.TransferEncoding = []string{"chunked"}
	return takeTrailer(req)
}

func wantsClose(req *http.Request) bool {
	if req.ProtoMajor < 1 {
		return true
	}
	conn := req.Header["Connection"]
	if req.ProtoMajor == 1 && req.ProtoMinor == 0 {
		return httpguts.HeaderValuesContainsToken(conn, "close") ||
			!httpguts.HeaderValuesContainsToken(conn, "keep-alive")
	}
	return conn != nil && httpguts.HeaderValuesContainsToken(conn, "close")
}

func takeTransferEncoding(req *http.Request) (chunked bool, err error) {
	te, ok := req.Header["Transfer-Encoding"]
	if !ok {
		return false, nil
	}
	delete(req.Header, "Transfer-Encoding")
	if !req.ProtoAtLeast(1, 1) {
		return false, nil // it did not exist then
	}
	if len(te) != 1 || !strings.EqualFold(te[0], "chunked") {
		return false, &refusal{http.StatusNotImplemented, "unsupported transfer encoding"}
	}
	return true, nil
}

// contentLength returns -1 if there is none, and leaves one of several equal ones.
func contentLength(h http.Header) (int64, error) {
	values := h["Content-Length"]
	if len(values) == 0 {
		return -1, nil
	}
	first := textproto.TrimString(values[0])
	for _, v := range values[1:] {
		if textproto.TrimString(v) != first {
			return 0, bad("conflicting Content-Length headers")
		}
	}
	if len(values) > 1 {
		h["Content-Length"] = []string{first}
	}
	n, err := strconv.ParseUint(first, 10, 63)
	if err != nil {
		return 0, bad("bad Content-Length")
	}
	return int64(n), nil
}

// takeTrailer announces the names of the trailer in req.Trailer.
func takeTrailer(req *http.Request) error {
	values, ok := req.Header["Trailer"]
	if !ok {
		return nil
	}
	delete(req.Header, "Trailer")
	trailer := http.Header{}
	for name := range elements(values) {
		name = textproto.CanonicalMIMEHeaderKey(name)
		switch name {
		case "Transfer-Encoding", "Trailer", "Content-Length":
			return bad("bad trailer key")
		}
		trailer[name] = nil
	}
	if len(trailer) > 0 {
		req.Trailer = trailer
	}
	return nil
}

// elements of comma-separated lists.
func elements(values []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, v := range values {
			for e := range strings.SplitSeq(v, ",") {
				if e = textproto.TrimString(e); e != "" && !yield(e) {
					return
				}
			}
		}
	}
}

// hasToken tells whether a list holds a token. Spaces separate as commas do.
func hasToken(list, token string) bool {
	for word := range strings.FieldsFuncSeq(list, isSeparator) {
		if strings.EqualFold(word, token) {
			return true
		}
	}
	return false
}

func isSeparator(r rune) bool { return r == ' ' || r == ',' || r == '\t' }
