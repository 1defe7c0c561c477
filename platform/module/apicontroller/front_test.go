package apicontroller

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/fc"
)

func TestOperationsThatAreNotBuiltSaySo(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	built := p.operations()
	n := 0
	for _, op := range api.Operations {
		if built[op.Name] != nil || op.Name == invokeOperation {
			continue
		}
		n++
		path := op.Path
		for strings.Contains(path, "{") {
			from, to := strings.Index(path, "{"), strings.Index(path, "}")
			path = path[:from] + "f" + path[to+1:]
		}
		status, h, body := p.send(op.Method, "/2023-03-30"+path, `{}`)
		e := wantError(t, status, h, body, 501, "OperationNotSupported")
		if !strings.Contains(e.Message, op.Name) {
			t.Errorf("%s: the message does not name it: %s", op.Name, e.Message)
		}
	}
	if n != len(api.Operations)-14 {
		t.Errorf("%d operations are not built", n)
	}
}

func TestPathsNobodyKnows(t *testing.T) {
	p := newPlatform(t)
	for _, path := range []string{"/", "/index.html", "/2016-08-15/functions", "/2023-03-30/functions/", "//2023-03-30/functions", "/2023-03-30/../x", "/2023-03-30/functions/f/x", "/2023-03-30/functions/f/invocations"} {
		status, h, body := p.send("GET", path, "")
		wantError(t, status, h, body, 400, "PathNotSupported")
	}
	for _, method := range []string{"PATCH", "OPTIONS", "TRACE", "BREW"} {
		status, h, body := p.send(method, "/2023-03-30/functions", "")
		wantError(t, status, h, body, 400, "PathNotSupported")
	}
	status, h, _ := p.send("HEAD", "/2023-03-30/functions", "")
	if status != 400 || h.Get("Content-Type") != "application/json" {
		t.Errorf("HEAD: %d %v", status, h)
	}
}

func TestAPanicIsAnError(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	p.call = func(context.Context, *fc.Invocation, fc.ResultWriter) error { panic("boom") }
	status, h, body := p.send("POST", "/2023-03-30/functions/f/invocations", "")
	e := wantError(t, status, h, body, 500, "InternalServerError")
	if strings.Contains(e.Message, "boom") {
		t.Errorf("the caller sees %q", e.Message)
	}
}

func TestSchemesOfClients(t *testing.T) {
	p := newPlatform(t)
	for _, scheme := range []api.Scheme{api.ACS3, api.ROA, api.FC} {
		r := p.request("GET", "/2023-03-30/functions?prefix=a&limit=5", "")
		r.Header = http.Header{}
		api.Sign(r, credentials, api.SignOptions{Scheme: scheme, Action: "ListFunctions"})
		if status, _, body := p.do(r); status != 200 {
			t.Errorf("scheme %d: %d %s", scheme, status, body)
		}
	}
}

func TestAttacksOnTheSignature(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	resign := func(r *http.Request, c api.Credentials, o api.SignOptions) {
		r.Header = http.Header{}
		o.ContentSHA256, o.Action = api.SHA256Text([]byte(`{"a":1}`)), "Any"
		api.Sign(r, c, o)
	}
	tests := []struct {
		name   string
		change func(*http.Request)
		status int
		code   string
	}{
		{"no signature", func(r *http.Request) { r.Header.Del("Authorization") }, 403, "SignatureNotMatch"},
		{"an unknown key", func(r *http.Request) {
			resign(r, api.Credentials{AccessKeyID: "x", AccessKeySecret: secret}, api.SignOptions{})
		}, 403, "InvalidAccessKeyID"},
		{"a wrong secret", func(r *http.Request) {
			resign(r, api.Credentials{AccessKeyID: keyID, AccessKeySecret: "x"}, api.SignOptions{})
		}, 403, "SignatureNotMatch"},
		{"a temporary key that is none", func(r *http.Request) {
			resign(r, api.Credentials{AccessKeyID: keyID, AccessKeySecret: secret, SecurityToken: "t"}, api.SignOptions{})
		}, 403, "InvalidAccessKeyID"},
		{"an old date", func(r *http.Request) {
			resign(r, credentials, api.SignOptions{Date: time.Now().Add(-16 * time.Minute)})
		}, 403, "SignatureNotMatch"},
		{"a date to come", func(r *http.Request) { resign(r, credentials, api.SignOptions{Date: time.Now().Add(16 * time.Minute)}) }, 403, "SignatureNotMatch"},
		{"another path", func(r *http.Request) { r.URL.Path = "/2023-03-30/functions/g/invocations" }, 403, "SignatureNotMatch"},
		{"another query", func(r *http.Request) { r.URL.RawQuery = "qualifier=1" }, 403, "SignatureNotMatch"},
		{"another host", func(r *http.Request) { r.Host = "elsewhere" }, 403, "SignatureNotMatch"},
		{"another action", func(r *http.Request) { r.Header.Set("X-Acs-Action", "DeleteFunction") }, 403, "SignatureNotMatch"},
		{"an x-acs header that is not signed", func(r *http.Request) { r.Header.Set("X-Acs-More", "1") }, 403, "SignatureNotMatch"},
		{"another body", func(r *http.Request) { setBody(r, `{"a":2}`) }, 403, "SignatureNotMatch"},
		{"a longer body", func(r *http.Request) { setBody(r, `{"a":1} `) }, 403, "SignatureNotMatch"},
		{"no body", func(r *http.Request) { setBody(r, "") }, 403, "SignatureNotMatch"},
		{"another body in chunks", func(r *http.Request) { setBody(r, `{"a":2}`); r.ContentLength = -1 }, 403, "SignatureNotMatch"},
		{"a large body in chunks", func(r *http.Request) { setBody(r, strings.Repeat("x", 3<<20)); r.ContentLength = -1 }, 403, "SignatureNotMatch"},
		{"a large body", func(r *http.Request) { setBody(r, strings.Repeat("x", 3<<20)) }, 403, "SignatureNotMatch"},
		{"no date", func(r *http.Request) { r.Header.Del("X-Acs-Date") }, 400, "MissingRequiredHeader"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			called := false
			p.call = func(context.Context, *fc.Invocation, fc.ResultWriter) error { called = true; return nil }
			r := p.request("POST", "/2023-03-30/functions/f/invocations", `{"a":1}`)
			tt.change(r)
			status, h, body := p.do(r)
			wantError(t, status, h, body, tt.status, tt.code)
			if called {
				t.Error("the function was called")
			}
		})
	}
}

func setBody(r *http.Request, body string) {
	replacement, _ := http.NewRequest("POST", "http://x/", strings.NewReader(body))
	r.Body, r.ContentLength, r.GetBody = replacement.Body, replacement.ContentLength, replacement.GetBody
}

func TestATamperedPackageChangesNothing(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	before, err := p.store.Function(t.Context(), account, "f")
	if err != nil {
		t.Fatal(err)
	}
	r := p.request("PUT", "/2023-03-30/functions/f", `{"description":"good"}`)
	setBody(r, `{"description":"evil"}`)
	status, h, body := p.do(r)
	wantError(t, status, h, body, 403, "SignatureNotMatch")
	after, err := p.store.Function(t.Context(), account, "f")
	if err != nil || after.Revision != before.Revision {
		t.Errorf("changed: %+v, %v", after, err)
	}
}

func TestBodiesNobodyAskedForAreChecked(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	for _, try := range []struct{ method, path string }{{"DELETE", "/2023-03-30/functions/f"}, {"POST", "/2023-03-30/functions/f/invoke/enable"}} {
		r := p.request(try.method, try.path, "")
		setBody(r, "evil")
		status, h, body := p.do(r)
		wantError(t, status, h, body, 403, "SignatureNotMatch")
	}
	if _, err := p.store.Function(t.Context(), account, "f"); err != nil {
		t.Error(err)
	}
}

func TestOverTLSAndHTTP2(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	server := httptest.NewUnstartedServer(p.Routes())
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	text := strings.Repeat("x", 100_000)
	r, err := http.NewRequest("POST", server.URL+"/2023-03-30/functions/f/triggers", strings.NewReader(`{"triggerName":"t","triggerType":"http","triggerConfig":"{\"authType\":\"anonymous\"}"}`))
	if err != nil {
		t.Fatal(err)
	}
	send := func(r *http.Request, body string) []byte {
		t.Helper()
		api.Sign(r, credentials, api.SignOptions{Action: "Any", ContentSHA256: api.SHA256Text([]byte(body))})
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 200 || res.ProtoMajor != 2 {
			t.Fatalf("%s %d %s %v", res.Proto, res.StatusCode, answer, err)
		}
		return answer
	}
	var trigger api.Trigger
	answer := send(r, `{"triggerName":"t","triggerType":"http","triggerConfig":"{\"authType\":\"anonymous\"}"}`)
	if err := json.Unmarshal(answer, &trigger); err != nil || !strings.HasPrefix(trigger.HTTPTrigger.URLIntranet, server.URL+"/") {
		t.Fatalf("%s, %v", answer, err)
	}
	for _, url := range []string{trigger.HTTPTrigger.URLIntranet, server.URL + "/2023-03-30/functions/f/invocations"} {
		r, err := http.NewRequest("POST", url, strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := send(r, text); string(got) != text {
			t.Errorf("%s: %d bytes", url, len(got))
		}
	}
}

func TestARequestIsServedOnce(t *testing.T) {
	p := newPlatform(t)
	r := p.request("GET", "/2023-03-30/functions", "")
	if status, _, body := p.do(r); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	status, h, body := p.do(r)
	wantError(t, status, h, body, 403, "SignatureNotMatch")
}

func TestADisabledKey(t *testing.T) {
	p := newPlatform(t)
	err := p.store.CreateAccessKey(t.Context(), &fc.AccessKey{ID: "off", Secret: "s", Account: account, Disabled: true, Created: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.view.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := p.request("GET", "/2023-03-30/functions", "")
	r.Header = http.Header{}
	api.Sign(r, api.Credentials{AccessKeyID: "off", AccessKeySecret: "s"}, api.SignOptions{Action: "ListFunctions"})
	status, h, body := p.do(r)
	wantError(t, status, h, body, 403, "InvalidAccessKeyID")
}

func TestADatabaseThatIsDown(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	p.store.Close()
	for _, try := range []struct{ method, path, body string }{
		{"GET", "/2023-03-30/functions", ""}, {"GET", "/2023-03-30/functions/f", ""}, {"DELETE", "/2023-03-30/functions/f", ""},
		{"PUT", "/2023-03-30/functions/f", `{"description":"x"}`}, {"POST", "/2023-03-30/functions/f/invoke/disable", `{}`},
	} {
		status, h, body := p.send(try.method, try.path, try.body)
		e := wantError(t, status, h, body, 503, "ServiceUnavailable")
		if strings.Contains(e.Message, "sql") {
			t.Errorf("the caller sees %q", e.Message)
		}
	}
	if status, _, body := p.send("POST", "/2023-03-30/functions/f/invocations", "hi"); status != 200 || string(body) != "hi" {
		t.Errorf("a call needs the database: %d %s", status, body)
	}
}

func TestRequestIDsLookRight(t *testing.T) {
	id := newRequestID(time.Unix(0x64e70cf1, 0))
	if len(id) != 35 || !strings.HasPrefix(id, "1-64e70cf1-") || id == newRequestID(time.Unix(0x64e70cf1, 0)) {
		t.Errorf("%q", id)
	}
}
