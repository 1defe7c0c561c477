package nodeagent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/kit/httpx"
)

// http passes an HTTP request to the function's own server and its answer back.
func (c *call) http(ctx context.Context) error {
	l, ok := c.inst.link.(*httpLink)
	if !ok || c.inst.version.Runtime.Kind() == fc.Builtin {
		return fmt.Errorf("http call of runtime %s: %w", c.inst.version.Runtime, fc.ErrUnsupported)
	}
	in := c.in
	upgrader, canUpgrade := c.out.(fc.Upgrader)
	if !canUpgrade {
		delete(in.Header, "Upgrade")
	}
	buf := lines.Get().(*[]byte)
	*buf = forwarded(l.extra((*buf)[:0], in, "/http-invoke"), in)
	resp, err := l.pool.Do(ctx, &httpx.Request{
		Method: in.Method, URI: in.URI, Host: in.Host, Header: in.Header, Drop: dropped,
		Extra: *buf, Body: c.body(), Size: bodySize(in),
	})
	lines.Put(buf)
	if err != nil {
		return c.failed(ctx, err)
	}
	defer resp.Close()
	c.done()
	answerFields(c.out.Header(), resp)
	h := c.head(resp.Status(), httpErrorType(resp), resp.Size())
	if resp.Upgraded() {
		return c.upgrade(ctx, upgrader, resp, h)
	}
	c.out.Begin(h)
	if h.Size != 0 {
		resp.BeforeWait(c.out.Flush)
	}
	return c.pass(ctx, resp)
}

// dropped are the fields of a client that are the platform's to set.
func dropped(name string) bool {
	switch name {
	case "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-Ip":
		return true
	}
	return strings.HasPrefix(name, "X-Fc-")
}

// forwarded appends who the client is.
func forwarded(b []byte, in *fc.Invocation) []byte {
	proto := "http"
	if in.Secure {
		proto = "https"
	}
	b = httpx.AppendField(b, "X-Forwarded-Proto", proto)
	host, _, err := net.SplitHostPort(in.Remote)
	if err != nil {
		return b
	}
	b = httpx.AppendField(b, "X-Real-Ip", host)
	if before := in.Header["X-Forwarded-For"]; len(before) > 0 {
		host = strings.Join(before, ", ") + ", " + host
	}
	return httpx.AppendField(b, "X-Forwarded-For", host)
}

// answerFields takes over the fields of a function's answer, except those that are the
// platform's or speak of one connection.
func answerFields(to http.Header, resp *httpx.Response) {
	for _, f := range resp.Fields() {
		switch f.Name {
		case "Connection", "Upgrade":
			if !resp.Upgraded() {
				continue
			}
		case "Content-Length", "Date", "Keep-Alive", "Server", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding":
			continue
		default:
			if strings.HasPrefix(f.Name, "X-Fc-") {
				continue
			}
		}
		to[f.Name] = append(to[f.Name], f.Value)
	}
}

// httpErrorType tells whether the function says that it failed. The client gets its own
// status and body all the same.
func httpErrorType(resp *httpx.Response) string {
	for _, f := range resp.Fields() {
		if f.Name == "X-Fc-Status" && f.Value == "404" {
			return fc.UnhandledInvocationError
		}
	}
	return ""
}

// upgrade joins the connections of client and function until one of them ends.
func (c *call) upgrade(ctx context.Context, up fc.Upgrader, resp *httpx.Response, h fc.Head) error {
	function := resp.Takeover()
	defer function.Close()
	client, err := up.Upgrade(h)
	if err != nil {
		return c.left(ctx, err)
	}
	defer client.Close()
	stop := context.AfterFunc(ctx, func() { client.Close() })
	defer stop()

	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(function, client) // that it ended is all that matters
		function.Close()
	}()
	_, err = io.Copy(client, function)
	client.Close()
	<-ended
	if ctx.Err() != nil {
		return c.brokenOff(ctx, errors.Join(ctx.Err(), err))
	}
	return nil
}
