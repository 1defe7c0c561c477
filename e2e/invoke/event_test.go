package invoke

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/fcstack/fcstack/e2e/harness"
)

func TestAnEventComesBack(t *testing.T) {
	p := harness.Shared(t)
	f := harness.Create(t, p, harness.Probe(t))
	for name, event := range map[string]string{
		"a word":       "hello",
		"nothing":      "",
		"binary":       "\x00\xff\r\n\x00",
		"a megabyte":   strings.Repeat("0123456789abcdef", 1<<16),
		"all there is": strings.Repeat("0123456789abcdef", 2<<20), // 32 MiB
	} {
		t.Run(name, func(t *testing.T) {
			a := harness.Invoke(t, p, f, event, nil)
			if a.Status != 200 || a.Body != event || a.ErrorType() != "" {
				t.Errorf("status %d, error %q %+v, %d bytes of %d", a.Status, a.ErrorType(), a.Error, len(a.Body), len(event))
			}
		})
	}
	t.Run("one byte more than all there is", func(t *testing.T) {
		a := harness.Invoke(t, p, f, strings.Repeat("x", 32<<20+1), nil)
		if a.Status != 400 || a.Error.Code != "EntityTooLarge" {
			t.Errorf("answers %d %+v", a.Status, a.Error)
		}
	})
}

func TestTheHeadersOfAnAnswer(t *testing.T) {
	p := harness.Shared(t)
	f := harness.Create(t, p, harness.Probe(t))
	a := harness.Invoke(t, p, f, `{"do":"tell"}`, map[string]string{"x-custom": "not passed on"})
	for _, name := range []string{
		"x-fc-request-id", "x-fc-invocation-duration", "x-fc-max-memory-usage", "x-fc-code-checksum", "x-fc-instance-id", "x-fc-invocation-service-version",
	} {
		if a.Header[name] == "" {
			t.Errorf("header %s is missing", name)
		}
	}
	told := harness.Decode(t, a.Body)
	if got := told.Header.Get("x-fc-request-id"); got != a.Header["x-fc-request-id"] {
		t.Errorf("the function saw request id %q, the caller %q", got, a.Header["x-fc-request-id"])
	}
	for name, want := range map[string]string{
		"x-fc-function-name": f, "x-fc-function-handler": "index.handler", "x-fc-function-memory": "128",
		"x-fc-function-timeout": "60", "x-fc-control-path": "/invoke", "content-type": "application/octet-stream",
	} {
		if got := told.Header.Get(name); got != want {
			t.Errorf("the function saw %s %q, want %q", name, got, want)
		}
	}
	if told.Method != "POST" || told.URI != "/invoke" {
		t.Errorf("the function saw %s %s", told.Method, told.URI)
	}
	for name, want := range map[string]string{
		"FC_FUNCTION_NAME": f, "FC_FUNCTION_HANDLER": "index.handler", "FC_FUNCTION_MEMORY_SIZE": "128", "FC_INSTANCE_ID": a.Header["x-fc-instance-id"],
	} {
		if got := told.Env[name]; got != want {
			t.Errorf("the function has %s=%q, want %q", name, got, want)
		}
	}
	for name := range told.Env {
		if strings.Contains(told.Env[name], p.Secret()) {
			t.Errorf("the function has the platform's secret in %s", name)
		}
	}
}

func TestTheTailOfTheLogIsTheCallsOwn(t *testing.T) {
	p := harness.Shared(t)
	in := harness.Probe(t)
	in.InstanceConcurrency = new(int32(1)) // with more, a line belongs to the call whose id it names
	f := harness.Create(t, p, in)
	tail := map[string]string{"x-fc-log-type": "Tail"}
	for _, text := range []string{"first words", "second words"} {
		a := harness.Invoke(t, p, f, `{"do":"log","text":"`+text+`"}`, tail)
		log, err := base64.StdEncoding.DecodeString(a.Header["x-fc-log-result"])
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(log), text) || text == "second words" && strings.Contains(string(log), "first words") {
			t.Errorf("the log of %q is %q", text, log)
		}
		if !strings.Contains(string(log), a.Header["x-fc-request-id"]) {
			t.Errorf("the log %q lacks the request id %s", log, a.Header["x-fc-request-id"])
		}
	}
	t.Run("and at most 4 KiB", func(t *testing.T) {
		a := harness.Invoke(t, p, f, `{"do":"log","text":"`+strings.Repeat("long ", 2000)+`end of it"}`, tail)
		log, err := base64.StdEncoding.DecodeString(a.Header["x-fc-log-result"])
		if err != nil || len(log) > 4096 || !strings.Contains(string(log), "end of it") {
			t.Errorf("%d bytes (%v) that end with %q", len(log), err, log[max(0, len(log)-100):])
		}
	})
	if a := harness.Invoke(t, p, f, "x", nil); a.Header["x-fc-log-result"] != "" {
		t.Error("a call that did not ask for the log got one")
	}
}

func TestACallIsRefused(t *testing.T) {
	p := harness.Shared(t)
	f := harness.Create(t, p, harness.Probe(t))
	tests := []struct {
		name, function string
		headers        map[string]string
		status         int
		code           string
	}{
		{"of a missing function", "nobody", nil, 404, "FunctionNotFound"},
		{"with an unknown invocation type", f, map[string]string{"x-fc-invocation-type": "Perhaps"}, 400, "InvalidArgument"},
		{"with an unknown log type", f, map[string]string{"x-fc-log-type": "Head"}, 400, "InvalidArgument"},
		{"asynchronously, which is not built", f, map[string]string{"x-fc-invocation-type": "Async"}, 501, "InvocationTypeNotSupported"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := harness.Invoke(t, p, tt.function, "x", tt.headers)
			if a.Status != tt.status || a.Error.Code != tt.code {
				t.Errorf("answers %d %+v, want %d %s", a.Status, a.Error, tt.status, tt.code)
			}
		})
	}
}
