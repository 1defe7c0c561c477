package apicontroller

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"
	"github.com/alibabacloud-go/tea/dara"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/module/apicontroller/intake"
)

func TestInvokeByTheSDK(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	out, err := p.client.InvokeFunctionWithOptions(dara.String("f"),
		&sdk.InvokeFunctionRequest{Body: strings.NewReader("hello"), Qualifier: dara.String("LATEST")},
		&sdk.InvokeFunctionHeaders{XFcLogType: dara.String("Tail"), XFcInvocationType: dara.String("Sync")}, &dara.RuntimeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(out.Body)
	if err != nil || string(body) != "hello" {
		t.Errorf("got %q, %v", body, err)
	}
	for name, want := range map[string]string{
		"x-fc-invocation-duration": "7", "x-fc-max-memory-usage": "20", "x-fc-instance-id": "c-1", "x-fc-log-result": "dGhlIGxvZw==",
		"x-fc-invocation-service-version": "LATEST", "content-type": "application/octet-stream",
	} {
		if got := dara.StringValue(out.Headers[name]); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if dara.StringValue(out.Headers["x-fc-request-id"]) == "" || dara.StringValue(out.Headers["x-fc-code-checksum"]) == "" {
		t.Errorf("headers %v", out.Headers)
	}
	if out.Headers["x-fc-error-type"] != nil {
		t.Error("a success has an error type")
	}
}

func TestInvokeThatIsRefused(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	invoke := func(path, name, value string) (int, http.Header, []byte) {
		r := p.request("POST", path, "")
		if name != "" {
			r.Header.Set(name, value)
		}
		return p.do(r)
	}
	const path = "/2023-03-30/functions/f/invocations"
	for _, tt := range []struct {
		path, name, value string
		status            int
		code              string
	}{
		{path, "X-Fc-Invocation-Type", "Async", 501, "InvocationTypeNotSupported"},
		{path, "X-Fc-Invocation-Type", "Later", 400, "InvalidArgument"},
		{path, "X-Fc-Log-Type", "All", 400, "InvalidArgument"},
		{path + "?qualifier=7", "", "", 404, "VersionNotFound"},
		{path + "?qualifier=prod", "", "", 404, "AliasNotFound"},
		{"/2023-03-30/functions/none/invocations", "", "", 404, "FunctionNotFound"},
	} {
		status, h, body := invoke(tt.path, tt.name, tt.value)
		wantError(t, status, h, body, tt.status, tt.code)
	}
}

func TestInvokeWhenThePlatformCannot(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	for _, tt := range []struct {
		err    error
		status int
		code   string
	}{
		{fc.ErrBusy, 429, "ResourceExhausted"},
		{fc.ErrNoCapacity, 503, "ResourceThrottled"},
		{fc.ErrGone, 503, "ServiceUnavailable"},
		{fc.ErrBadResponse, 502, "BadResponse"},
		{&fc.Failure{Kind: fc.ErrNotStarted, Message: "port 9000 never opened"}, 412, "FunctionNotStarted"},
		{io.ErrClosedPipe, 500, "InternalServerError"},
	} {
		p.call = func(context.Context, *fc.Invocation, fc.ResultWriter) error {
			return fmt.Errorf("take a slot: %w", tt.err)
		}
		status, h, body := p.send("POST", "/2023-03-30/functions/f/invocations", "")
		wantError(t, status, h, body, tt.status, tt.code)
	}
}

func TestFailuresOfTheFunctionAreAnswers(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	const failure = `{"errorMessage":"init failed"}`
	for name, call := range map[string]func(context.Context, *fc.Invocation, fc.ResultWriter) error{
		"InitializationError": func(context.Context, *fc.Invocation, fc.ResultWriter) error {
			return &fc.Failure{ErrorType: fc.InitializationError, Body: []byte(failure)}
		},
		"UnhandledInvocationError": answer(fc.Head{Status: 200, Size: int64(len(failure)), ErrorType: fc.UnhandledInvocationError}, failure),
	} {
		p.call = call
		status, h, body := p.send("POST", "/2023-03-30/functions/f/invocations", "")
		if status != 200 || h.Get("X-Fc-Error-Type") != name || string(body) != failure {
			t.Errorf("got %d %v %s", status, h, body)
		}
	}
}

func TestDisabledFunctions(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	disabled, err := p.client.DisableFunctionInvocation(dara.String("f"), &sdk.DisableFunctionInvocationRequest{Reason: dara.String("too dear")})
	if err != nil || !dara.BoolValue(disabled.Body.Success) {
		t.Fatalf("%v, %v", disabled, err)
	}
	status, h, body := p.send("POST", "/2023-03-30/functions/f/invocations", "")
	if e := wantError(t, status, h, body, 403, "AccessDenied"); !strings.Contains(e.Message, "too dear") {
		t.Errorf("message %q", e.Message)
	}
	f, err := p.client.GetFunction(dara.String("f"), &sdk.GetFunctionRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if r := f.Body.InvocationRestriction; r == nil || !dara.BoolValue(r.Disable) || dara.StringValue(r.Reason) != "too dear" {
		t.Errorf("restriction %v", r)
	}
	if _, err := p.client.EnableFunctionInvocation(dara.String("f")); err != nil {
		t.Fatal(err)
	}
	if status, _, body := p.send("POST", "/2023-03-30/functions/f/invocations", ""); status != 200 {
		t.Errorf("enabled again: %d %s", status, body)
	}
	_, err = p.client.DisableFunctionInvocation(dara.String("f"), &sdk.DisableFunctionInvocationRequest{AbortOngoingRequest: dara.Bool(true)})
	wantSDKError(t, err, 501, "FeatureNotSupported")
	_, err = p.client.EnableFunctionInvocation(dara.String("none"))
	wantSDKError(t, err, 404, "FunctionNotFound")
}

func TestEventsOfEverySize(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	for _, size := range []int{0, 1, intake.InMemory, intake.InMemory + 1, 5 << 20, api.MaxEvent} {
		for _, chunked := range []bool{false, true} {
			if chunked && size == api.MaxEvent {
				continue // that much takes its time under the race detector
			}
			event := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
			r := p.request("POST", "/2023-03-30/functions/f/invocations", string(event))
			if chunked && size > 0 {
				r.ContentLength = -1
			}
			status, _, body := p.do(r)
			if status != 200 || !bytes.Equal(body, event) {
				t.Errorf("%d bytes, chunked %v: got %d, %d bytes", size, chunked, status, len(body))
			}
		}
	}
	for _, chunked := range []bool{false, true} {
		r := p.request("POST", "/2023-03-30/functions/f/invocations", strings.Repeat("x", api.MaxEvent+1))
		if chunked {
			r.ContentLength = -1
		}
		w := newRecorder()
		p.Routes().ServeHTTP(w, serverSide(r))
		wantError(t, w.Code, w.Header(), w.Body.Bytes(), 400, "EntityTooLarge")
	}
}

func TestAnAnswerThatBreaksOffIsNotComplete(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	p.call = func(_ context.Context, _ *fc.Invocation, out fc.ResultWriter) error {
		out.Begin(fc.Head{Status: 200, Size: -1})
		io.WriteString(out, "half")
		out.Flush()
		return fmt.Errorf("call: %w", fc.ErrAborted)
	}
	res, err := http.DefaultClient.Do(p.request("POST", "/2023-03-30/functions/f/invocations", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("the caller takes %q for the whole", body)
	}
}
