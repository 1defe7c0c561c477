package invoke

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"

	"github.com/fcstack/fcstack/e2e/harness"
)

// go1 creates the function that is built with the official runtime SDK.
func go1(t *testing.T, p *harness.Platform) string {
	t.Helper()
	binary, err := harness.GoBinary("e2e/functions/go1")
	if err != nil {
		t.Fatal(err)
	}
	return harness.Create(t, p, &sdk.CreateFunctionInput{
		Runtime: new("go1"), Handler: new("main"), Timeout: new(int32(3)), MemorySize: new(int32(128)), Cpu: new(float32(0.1)),
		Code: &sdk.InputCodeLocation{ZipFile: new(harness.Zip(map[string][]byte{"main": binary}))},
		InstanceLifecycleConfig: &sdk.InstanceLifecycleConfig{
			Initializer: &sdk.LifecycleHook{Handler: new("initialize"), Timeout: new(int32(5))},
		},
	})
}

func TestABinaryOfTheOfficialRuntimeSDKRuns(t *testing.T) {
	p := harness.Shared(t)
	f := go1(t, p)
	for range 3 {
		a := harness.Invoke(t, p, f, `{"do":"tell","text":"hi"}`, nil)
		var got struct {
			Text, RequestID, Function string
			Left                      time.Duration
			Inits                     int
		}
		if err := json.Unmarshal([]byte(a.Body), &got); err != nil {
			t.Fatalf("%d %q %q %+v: %v", a.Status, a.ErrorType(), a.Body, a.Error, err)
		}
		if got.Text != "hi" || got.Function != f || got.RequestID != a.Header["x-fc-request-id"] || got.Inits != 1 {
			t.Errorf("answers %+v, the request was %s", got, a.Header["x-fc-request-id"])
		}
		if got.Left <= 0 || got.Left > 3*time.Second {
			t.Errorf("%v were left of 3 s", got.Left)
		}
	}
	for _, tt := range []struct{ event, says string }{
		{`{"do":"fail","text":"it is raining"}`, "it is raining"},
		{`{"do":"panic","text":"it is hailing"}`, "it is hailing"},
		{`{"do":"exit"}`, "exited unexpectedly"},
		{`{"do":"sleep"}`, "timed out after 3 second"},
		{`no JSON at all`, ""},
	} {
		a := harness.Invoke(t, p, f, tt.event, nil)
		if a.Status != 200 || a.ErrorType() != "UnhandledInvocationError" || !strings.Contains(message(t, a), tt.says) {
			t.Errorf("%s answers %d %q %s %+v", tt.event, a.Status, a.ErrorType(), a.Body, a.Error)
		}
	}
	if a := harness.Invoke(t, p, f, `{"text":"fine again"}`, nil); !strings.Contains(a.Body, "fine again") {
		t.Errorf("the call after them answers %+v", a)
	}
}
