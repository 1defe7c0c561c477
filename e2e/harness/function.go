package harness

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"
	"github.com/alibabacloud-go/tea/dara"
)

var names atomic.Int64

// Name is a name for an object of a test that nothing else on the platform has.
func Name(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("t%d-%d", time.Now().UnixNano(), names.Add(1))
}

// SDK is an official client for p.
func SDK(t testing.TB, p *Platform) *sdk.Client {
	t.Helper()
	c, err := p.Client()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Create creates a function, with a name of its own unless in has one, and removes it
// at the end of the test.
func Create(t testing.TB, p *Platform, in *sdk.CreateFunctionInput) string {
	t.Helper()
	if in.FunctionName == nil {
		in.FunctionName = new(Name(t))
	}
	c := SDK(t, p)
	if _, err := c.CreateFunction(&sdk.CreateFunctionRequest{Body: in}); err != nil {
		t.Fatalf("create function: %v", err)
	}
	t.Cleanup(func() { Remove(t, p, *in.FunctionName) })
	return *in.FunctionName
}

// Remove removes a function and its triggers, if they are still there.
func Remove(t testing.TB, p *Platform, function string) {
	t.Helper()
	c := SDK(t, p)
	if triggers, err := c.ListTriggers(&function, &sdk.ListTriggersRequest{}); err == nil {
		for _, trigger := range triggers.Body.Triggers {
			if _, err := c.DeleteTrigger(&function, trigger.TriggerName); err != nil {
				t.Errorf("remove trigger: %v", err)
			}
		}
	}
	if _, err := c.DeleteFunction(&function); err != nil && ErrorOf(err).Status != http.StatusNotFound {
		t.Errorf("remove function: %v", err)
	}
}

// Probe is the input for a function of e2e/functions/probe, which does what it is told.
func Probe(t testing.TB) *sdk.CreateFunctionInput {
	t.Helper()
	binary, err := GoBinary("e2e/functions/probe")
	if err != nil {
		t.Fatal(err)
	}
	return &sdk.CreateFunctionInput{
		Runtime: new("custom.debian12"), Handler: new("index.handler"), Timeout: new(int32(60)),
		MemorySize: new(int32(128)), Cpu: new(float32(0.1)), InstanceConcurrency: new(int32(20)),
		Code: &sdk.InputCodeLocation{ZipFile: new(Zip(map[string][]byte{"bootstrap": binary}))},
	}
}

// Answer is what came of an invocation.
type Answer struct {
	Status int
	Header map[string]string // names in lower case
	Body   string
	Error  APIError // not zero: the platform refused
}

// ErrorType is what the function's failure is called; "" for a success.
func (a Answer) ErrorType() string { return a.Header["x-fc-error-type"] }

// Invoke calls a function through the official SDK.
func Invoke(t testing.TB, p *Platform, function, event string, headers map[string]string) Answer {
	t.Helper()
	h := &sdk.InvokeFunctionHeaders{CommonHeaders: map[string]*string{}}
	for name, value := range headers {
		switch name {
		case "x-fc-log-type":
			h.XFcLogType = &value
		case "x-fc-invocation-type":
			h.XFcInvocationType = &value
		default:
			h.CommonHeaders[name] = &value
		}
	}
	request := &sdk.InvokeFunctionRequest{}
	if event != "" {
		request.Body = strings.NewReader(event)
	}
	out, err := SDK(t, p).InvokeFunctionWithOptions(&function, request, h, &dara.RuntimeOptions{})
	if err != nil {
		refused := ErrorOf(err)
		if refused.Status == 0 {
			t.Fatalf("invoke %s: %v", function, err)
		}
		return Answer{Status: refused.Status, Error: refused}
	}
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatalf("invoke %s: read the answer: %v", function, err)
	}
	a := Answer{Status: int(*out.StatusCode), Header: map[string]string{}, Body: string(body)}
	for name, value := range out.Headers {
		a.Header[name] = *value
	}
	return a
}

// Told is what the probe says about itself and its request.
type Told struct {
	PID     int
	Running int64
	Most    int64
	Left    int64
	Env     map[string]string
	Header  http.Header
	Method  string
	URI     string
	Host    string
	Length  int
}

// Decode reads what the probe told.
func Decode(t testing.TB, body string) Told {
	t.Helper()
	var told Told
	if err := json.Unmarshal([]byte(body), &told); err != nil {
		t.Fatalf("the probe told %q: %v", body, err)
	}
	return told
}

// Trigger gives a function an http trigger and returns its URL. config is its JSON.
func Trigger(t testing.TB, p *Platform, function, config string) *url.URL {
	t.Helper()
	out, err := SDK(t, p).CreateTrigger(&function, &sdk.CreateTriggerRequest{Body: &sdk.CreateTriggerInput{
		TriggerName: new("http"), TriggerType: new("http"), TriggerConfig: &config,
	}})
	if err != nil {
		t.Fatalf("create trigger: %v", err)
	}
	u, err := url.Parse(*out.Body.HttpTrigger.UrlInternet)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Eventually waits until done says so, with a generous bound.
func Eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}
