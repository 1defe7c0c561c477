package apicontroller

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/fc"
)

// discard is a ResponseWriter that costs nothing itself.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

func TestAWarmCallAllocatesLittle(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	urls := p.trigger("f", `{"authType":"anonymous"}`)
	hello := []byte("hello")
	p.call = func(_ context.Context, _ *fc.Invocation, out fc.ResultWriter) error {
		out.Begin(fc.Head{Status: 200, Size: 5})
		_, err := out.Write(hello)
		return err
	}
	u, _ := url.Parse(urls.URLInternet)
	r := httptest.NewRequest("GET", "/", nil)
	r.Host, r.Body = u.Host, http.NoBody
	w := &discard{header: http.Header{}}
	n := testing.AllocsPerRun(200, func() {
		clear(w.header)
		p.ServeHTTP(w, r)
	})
	t.Logf("%v allocations", n)
	if n > 6 {
		t.Errorf("%v allocations in one call", n)
	}
}

// again is a body that can be read once more.
type again struct {
	data []byte
	at   int
}

func (a *again) Read(p []byte) (int, error) {
	n := copy(p, a.data[a.at:])
	if a.at += n; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (a *again) Close() error { return nil }

func TestASignedCallAllocatesLittle(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	p.call = func(_ context.Context, in *fc.Invocation, out fc.ResultWriter) error {
		out.Begin(fc.Head{Status: 200, Size: in.Size, Instance: "c-1"})
		_, err := io.Copy(out, in.Body)
		return err
	}
	event := []byte(`{"hello":"world"}`)
	body := &again{data: event}
	w := &discard{header: http.Header{}}
	const runs = 100
	requests := make([]*http.Request, 0, runs+1) // every one needs a nonce of its own
	for range cap(requests) {
		r := httptest.NewRequest("POST", "/2023-03-30/functions/f/invocations", body)
		r.ContentLength = int64(len(event))
		api.Sign(r, credentials, api.SignOptions{Action: "InvokeFunction", ContentSHA256: api.SHA256Text(event)})
		requests = append(requests, r)
	}
	next := 0
	n := testing.AllocsPerRun(runs, func() {
		clear(w.header)
		body.at = 0
		p.ServeHTTP(w, requests[next])
		next++
	})
	if w.header.Get("X-Fc-Instance-Id") != "c-1" {
		t.Errorf("headers %v", w.header)
	}
	t.Logf("%v allocations", n)
	if n > 40 {
		t.Errorf("%v allocations in one call", n)
	}
}

func BenchmarkWarmTrigger(b *testing.B) {
	p := newPlatform(b)
	p.create("f", "custom")
	urls := p.trigger("f", `{"authType":"anonymous"}`)
	hello := []byte("hello")
	p.call = func(_ context.Context, _ *fc.Invocation, out fc.ResultWriter) error {
		out.Begin(fc.Head{Status: 200, Size: 5})
		_, err := out.Write(hello)
		return err
	}
	u, _ := url.Parse(urls.URLInternet)
	r := httptest.NewRequest("GET", "/", nil)
	r.Host, r.Body = u.Host, http.NoBody
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		p.ServeHTTP(w, r)
	}
}
