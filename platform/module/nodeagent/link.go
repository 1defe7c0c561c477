package nodeagent

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/kit/httpx"
	"github.com/fcstack/fcstack/platform/module/nodeagent/goruntime"
)

// link carries calls into the process of one instance.
type link interface {
	// invoke makes an event call. The reply must be closed.
	invoke(ctx context.Context, in *fc.Invocation, body io.Reader) (reply, error)

	// hook makes a lifecycle call; a reply with an errorType is a failure.
	hook(ctx context.Context, h hookCall) (reply, error)

	close()
}

// reply is the answer to an event call.
type reply struct {
	io.Reader
	errorType string // "": the function succeeded
	size      int64  // -1: not known yet
	http      *httpx.Response
	answer    *goruntime.Answer
}

// close may be called twice.
func (r *reply) close() {
	if r.http != nil {
		r.http.Close()
		r.http = nil
	}
	if r.answer != nil {
		r.answer.Close()
		r.answer = nil
	}
}

// httpLink speaks HTTP, with a bootstrap of ours or with a function's own server.
type httpLink struct {
	pool    *httpx.Pool
	common  []byte // header lines of every request
	timeout []byte // header line of requests other than the initializer
}

func (l *httpLink) close() { l.pool.Close() }

// lines are buffers for the header lines of one request.
var lines = sync.Pool{New: func() any { b := make([]byte, 0, 1<<10); return &b }}

// extra appends the platform's header lines of a call.
func (l *httpLink) extra(b []byte, in *fc.Invocation, control string) []byte {
	b = append(b, l.common...)
	b = append(b, l.timeout...)
	b = httpx.AppendField(b, "x-fc-request-id", in.RequestID)
	b = httpx.AppendField(b, "x-fc-control-path", control)
	if in.Qualifier != "" {
		b = httpx.AppendField(b, "x-fc-qualifier", in.Qualifier)
	}
	if in.Attempt > 0 {
		b = httpx.AppendField(b, "x-fc-retry-count", strconv.Itoa(in.Attempt))
	}
	if in.Async {
		b = httpx.AppendField(b, "x-fc-invocation-type", "Async")
	}
	return b
}

func (l *httpLink) invoke(ctx context.Context, in *fc.Invocation, body io.Reader) (reply, error) {
	buf := lines.Get().(*[]byte)
	*buf = append((*buf)[:0], "Content-Type: application/octet-stream\r\n"...)
	*buf = l.extra(*buf, in, "/invoke")
	resp, err := l.pool.Do(ctx, &httpx.Request{
		Method: http.MethodPost, URI: "/invoke", Host: "localhost", Extra: *buf, Body: body, Size: bodySize(in),
	})
	lines.Put(buf)
	if err != nil {
		return reply{}, err
	}
	return reply{Reader: resp, errorType: errorType(resp), size: resp.Size(), http: resp}, nil
}

// bodySize is the size of a call's body; a missing one is empty.
func bodySize(in *fc.Invocation) int64 {
	if in.Body == nil {
		return 0
	}
	return in.Size
}

// errorType reads from the head of an answer whether the function failed. Bootstraps of
// ours say how; of others status 404 or x-fc-status: 404 is the sign.
func errorType(resp *httpx.Response) string {
	failed := resp.Status() == http.StatusNotFound
	for _, f := range resp.Fields() {
		switch f.Name {
		case "X-Fc-Error-Type":
			switch f.Value {
			case fc.HandledInvocationError, fc.UnhandledInvocationError, fc.InitializationError:
				return f.Value
			}
		case "X-Fc-Status":
			failed = failed || f.Value == "404"
		}
	}
	if failed {
		return fc.UnhandledInvocationError
	}
	return ""
}

func (l *httpLink) hook(ctx context.Context, h hookCall) (reply, error) {
	b := append([]byte(nil), l.common...)
	b = httpx.AppendField(b, "x-fc-function-timeout", seconds(h.timeout))
	b = httpx.AppendField(b, "x-fc-request-id", h.request)
	b = httpx.AppendField(b, "x-fc-control-path", h.path)
	b = httpx.AppendField(b, "x-fc-qualifier", h.qualifier)
	resp, err := l.pool.Do(ctx, &httpx.Request{Method: h.method, URI: h.path, Host: "localhost", Extra: b})
	if err != nil {
		return reply{}, err
	}
	r := reply{Reader: resp, size: resp.Size(), http: resp}
	if resp.Status() < 200 || resp.Status() > 299 {
		r.errorType = fc.InitializationError
	}
	return r, nil
}

// goLink hands work to a go1 binary that asks for it.
type goLink struct {
	api     *goruntime.Server
	timeout time.Duration
}

func (l *goLink) close() { l.api.Close() }

func (l *goLink) invoke(ctx context.Context, in *fc.Invocation, body io.Reader) (reply, error) {
	return l.do(ctx, &goruntime.Work{
		RequestID: in.RequestID, Type: goruntime.Invoke, Timeout: l.timeout,
		Qualifier: in.Qualifier, Attempt: in.Attempt, Body: body, Size: bodySize(in),
	}, fc.UnhandledInvocationError)
}

func (l *goLink) hook(ctx context.Context, h hookCall) (reply, error) {
	return l.do(ctx, &goruntime.Work{
		RequestID: h.request, Type: h.kind, Timeout: h.timeout, Qualifier: h.qualifier,
	}, fc.InitializationError)
}

func (l *goLink) do(ctx context.Context, w *goruntime.Work, failed string) (reply, error) {
	w.Deadline = time.Now().Add(w.Timeout)
	if d, ok := ctx.Deadline(); ok {
		w.Deadline = d
	}
	answer, err := l.api.Do(ctx, w)
	if err != nil {
		return reply{}, fmt.Errorf("runtime api: %w", err)
	}
	r := reply{Reader: answer.Body, size: answer.Size, answer: answer}
	if answer.Failed {
		r.errorType = failed
	}
	return r, nil
}
