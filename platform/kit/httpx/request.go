// Package httpx is a small HTTP/1.1 client for one server at a time: a stack of kept
// connections, requests written by hand, answers streamed. It is what a proxy hop needs
// and no more: no redirects, no cookies, no decompression, and no retry of a request
// that the server may have seen.
package httpx

import (
	"bufio"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// Request is one request. It is only read.
type Request struct {
	Method string
	URI    string // path and query as they are sent
	Host   string
	Header http.Header // hop-by-hop fields are left out, except those of an Upgrade

	// Drop leaves out more fields of Header, by canonical name. nil: none.
	Drop func(name string) bool

	// Extra is sent as it is after Header: complete lines, each ended by CRLF.
	Extra []byte

	// Body is Size bytes, or all that there is if Size is -1 (sent chunked). If it is
	// an io.Closer, it is closed to end a Read that nobody waits for any more.
	Body io.Reader
	Size int64
}

// upgrade is the protocol the request asks to change to, or "".
func (r *Request) upgrade() string {
	if r.Header == nil || !hasToken(r.Header["Connection"], "upgrade") {
		return ""
	}
	return r.Header.Get("Upgrade")
}

// hopByHop are the fields that speak of one connection only.
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Host", "Content-Length", "Expect":
		return true
	}
	return false
}

// writeHead writes the request line and the fields.
func (r *Request) writeHead(w *bufio.Writer) {
	w.WriteString(r.Method)
	w.WriteByte(' ')
	w.WriteString(r.URI)
	w.WriteString(" HTTP/1.1\r\nHost: ")
	writeValue(w, r.Host)
	w.WriteString("\r\n")
	named := r.Header["Connection"]
	for name, values := range r.Header {
		if hopByHop(name) || r.Drop != nil && r.Drop(name) || len(named) > 0 && hasToken(named, name) {
			continue
		}
		for _, v := range values {
			w.WriteString(name)
			w.WriteString(": ")
			writeValue(w, v)
			w.WriteString("\r\n")
		}
	}
	if protocol := r.upgrade(); protocol != "" {
		w.WriteString("Connection: Upgrade\r\nUpgrade: ")
		writeValue(w, protocol)
		w.WriteString("\r\n")
	}
	if hasToken(r.Header["Te"], "trailers") {
		w.WriteString("Te: trailers\r\n")
	}
	w.Write(r.Extra)
	switch {
	case r.Size < 0:
		w.WriteString("Transfer-Encoding: chunked\r\n")
	case r.Size > 0 || r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.WriteString("Content-Length: ")
		w.Write(strconv.AppendInt(w.AvailableBuffer(), r.Size, 10))
		w.WriteString("\r\n")
	}
	w.WriteString("\r\n")
}

// writeValue keeps a value on its line, whatever it holds.
func writeValue(w *bufio.Writer, v string) {
	if strings.IndexByte(v, '\n') >= 0 || strings.IndexByte(v, '\r') >= 0 {
		v = lineBreaks.Replace(v)
	}
	w.WriteString(v)
}

var lineBreaks = strings.NewReplacer("\r", " ", "\n", " ")

// AppendField appends one line for Request.Extra.
func AppendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	if strings.ContainsAny(value, "\r\n") {
		value = lineBreaks.Replace(value)
	}
	b = append(b, value...)
	return append(b, "\r\n"...)
}

// hasToken tells whether a comma-separated field holds a token, in any case.
func hasToken(values []string, token string) bool {
	for _, v := range values {
		for v != "" {
			var one string
			one, v, _ = strings.Cut(v, ",")
			if strings.EqualFold(textproto.TrimString(one), token) {
				return true
			}
		}
	}
	return false
}
