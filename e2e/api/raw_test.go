package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	wire "github.com/fcstack/fcstack/platform/api"

	"github.com/fcstack/fcstack/e2e/harness"
)

// built are the operations that this release carries out.
var built = map[string]bool{
	"CreateFunction": true, "GetFunction": true, "GetFunctionCode": true, "UpdateFunction": true, "DeleteFunction": true,
	"ListFunctions": true, "CreateTrigger": true, "GetTrigger": true, "UpdateTrigger": true, "DeleteTrigger": true,
	"ListTriggers": true, "EnableFunctionInvocation": true, "DisableFunctionInvocation": true, "InvokeFunction": true,
}

// signed makes a request signed with the first access key.
func signed(t *testing.T, p *harness.Platform, method, path, body string, o wire.SignOptions) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, p.URL+"/2023-03-30"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		o.ContentSHA256 = wire.SHA256Text([]byte(body))
	}
	if o.Action == "" {
		o.Action = "ListFunctions"
	}
	r.Header.Set("x-acs-version", "2023-03-30")
	wire.Sign(r, wire.Credentials{AccessKeyID: p.Key(), AccessKeySecret: p.Secret()}, o)
	return r
}

// refusal is the body of an error.
type refusal struct {
	Code, Message string
	RequestID     string `json:"RequestId"`
}

// answerTo sends a request and reads the error it must be answered with.
func answerTo(t *testing.T, r *http.Request) (status int, e refusal) {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode >= 400 {
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Errorf("status %d with a body that is no JSON: %q", resp.StatusCode, raw)
		}
		if e.RequestID == "" || e.RequestID != resp.Header.Get("X-Fc-Request-Id") {
			t.Errorf("request id is %q in the body and %q in the header", e.RequestID, resp.Header.Get("X-Fc-Request-Id"))
		}
	}
	return resp.StatusCode, e
}

func TestEveryOtherOperationSaysThatItIsNotBuilt(t *testing.T) {
	p := harness.Shared(t)
	f := harness.Create(t, p, script("operations"))
	fill := strings.NewReplacer("{functionName}", f, "{", "", "}", "")
	for _, op := range wire.Operations {
		if built[op.Name] {
			continue
		}
		t.Run(op.Name, func(t *testing.T) {
			body := ""
			if op.Method == "POST" || op.Method == "PUT" {
				body = "{}"
			}
			status, e := answerTo(t, signed(t, p, op.Method, fill.Replace(op.Path), body, wire.SignOptions{Action: op.Name}))
			if status != 501 || e.Code == "" || !strings.Contains(e.Message, op.Name) {
				t.Errorf("answers %d %+v", status, e)
			}
		})
	}
}

func TestSignatures(t *testing.T) {
	p := harness.Shared(t)
	sign := func(o wire.SignOptions) *http.Request { return signed(t, p, "GET", "/functions?limit=5", "", o) }
	unsigned := func() *http.Request {
		r := sign(wire.SignOptions{})
		r.Header.Del("Authorization")
		return r
	}
	tests := []struct {
		name   string
		r      *http.Request
		status int
		code   string
	}{
		{"ACS3", sign(wire.SignOptions{Scheme: wire.ACS3}), 200, ""},
		{"ROA", sign(wire.SignOptions{Scheme: wire.ROA}), 200, ""},
		{"FC", sign(wire.SignOptions{Scheme: wire.FC}), 200, ""},
		{"none", unsigned(), 403, "SignatureNotMatch"},
		{"an old date", sign(wire.SignOptions{Date: time.Now().Add(-time.Hour)}), 403, "SignatureNotMatch"},
		{"a date to come", sign(wire.SignOptions{Date: time.Now().Add(time.Hour)}), 403, "SignatureNotMatch"},
		{"another query than was signed", changed(sign(wire.SignOptions{}), func(r *http.Request) { r.URL.RawQuery = "limit=6" }), 403, "SignatureNotMatch"},
		{"another method than was signed", changed(sign(wire.SignOptions{}), func(r *http.Request) { r.Method = "POST" }), 403, "SignatureNotMatch"},
		{"a header that was not signed", changed(sign(wire.SignOptions{}), func(r *http.Request) { r.Header.Set("x-acs-security-token", "x") }), 403, "SignatureNotMatch"},
		{"another body than was signed", changed(signed(t, p, "POST", "/functions", `{"a":1}`, wire.SignOptions{Action: "CreateFunction"}), func(r *http.Request) {
			r.Body = io.NopCloser(bytes.NewReader([]byte(`{"a":2}`)))
		}), 403, "SignatureNotMatch"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, e := answerTo(t, tt.r)
			if status != tt.status || e.Code != tt.code {
				t.Errorf("answers %d %+v, want %d %s", status, e, tt.status, tt.code)
			}
		})
	}
	t.Run("the same request twice", func(t *testing.T) {
		once := sign(wire.SignOptions{Nonce: harness.Name(t)})
		if status, e := answerTo(t, once.Clone(t.Context())); status != 200 {
			t.Fatalf("the first answers %d %+v", status, e)
		}
		if status, e := answerTo(t, once); status != 403 {
			t.Errorf("the second answers %d %+v", status, e)
		}
	})
}

func changed(r *http.Request, change func(*http.Request)) *http.Request {
	change(r)
	return r
}

// What no client should send is the client's error, never the platform's.
func TestHostileRequests(t *testing.T) {
	p := harness.Shared(t)
	tests := []struct {
		name string
		r    *http.Request
	}{
		{"an unknown path", signed(t, p, "GET", "/nothing/here", "", wire.SignOptions{})},
		{"a body that is no JSON", signed(t, p, "POST", "/functions", `{"functionName":`, wire.SignOptions{Action: "CreateFunction"})},
		{"a member of the wrong type", signed(t, p, "POST", "/functions", `{"functionName":[1]}`, wire.SignOptions{Action: "CreateFunction"})},
		{"an array for an object", signed(t, p, "POST", "/functions", `[]`, wire.SignOptions{Action: "CreateFunction"})},
		{"very deep JSON", signed(t, p, "POST", "/functions", strings.Repeat(`{"code":`, 100_000), wire.SignOptions{Action: "CreateFunction"})},
		{"a name with a slash in it", signed(t, p, "GET", "/functions/a%2F..%2Fb", "", wire.SignOptions{Action: "GetFunction"})},
		{"a token that is none", signed(t, p, "GET", "/functions?nextToken=%00%ff", "", wire.SignOptions{})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, e := answerTo(t, tt.r)
			if status < 400 || status >= 500 {
				t.Errorf("answers %d %+v, want an error of the client's", status, e)
			}
		})
	}
}
