package invoke

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"

	"github.com/fcstack/fcstack/e2e/harness"
)

// message is the errorMessage of a function's failure.
func message(t *testing.T, a harness.Answer) string {
	t.Helper()
	var failure struct{ ErrorMessage string }
	if err := json.Unmarshal([]byte(a.Body), &failure); err != nil {
		t.Errorf("the body of the failure is %q: %v", a.Body, err)
	}
	return failure.ErrorMessage
}

// probe creates a probe that is in the given mood.
func probe(t *testing.T, p *harness.Platform, mood string, change func(*sdk.CreateFunctionInput)) string {
	t.Helper()
	in := harness.Probe(t)
	in.EnvironmentVariables = map[string]*string{"PROBE": &mood}
	if change != nil {
		change(in)
	}
	return harness.Create(t, p, in)
}

func initializer(timeout int32) func(*sdk.CreateFunctionInput) {
	return func(f *sdk.CreateFunctionInput) {
		f.InstanceLifecycleConfig = &sdk.InstanceLifecycleConfig{Initializer: &sdk.LifecycleHook{Handler: new("initialize"), Timeout: &timeout}}
	}
}

func TestAFunctionThatFailsIsAnAnswerOf200(t *testing.T) {
	p := harness.Shared(t)
	f := probe(t, p, "", nil)
	a := harness.Invoke(t, p, f, `{"do":"fail","text":"it is raining"}`, nil)
	if a.Status != 200 || a.ErrorType() != "UnhandledInvocationError" || a.Body != "it is raining" {
		t.Errorf("answers %d %q %q", a.Status, a.ErrorType(), a.Body)
	}
	if a := harness.Invoke(t, p, f, "again", nil); a.ErrorType() != "" || a.Body != "again" {
		t.Errorf("the next call answers %q %q", a.ErrorType(), a.Body)
	}
}

func TestAFunctionThatTakesTooLongIsEnded(t *testing.T) {
	p := harness.Shared(t)
	f := probe(t, p, "", func(f *sdk.CreateFunctionInput) { f.Timeout = new(int32(1)) })
	start := time.Now()
	a := harness.Invoke(t, p, f, `{"do":"sleep","ms":30000}`, nil)
	if a.Status != 200 || a.ErrorType() != "UnhandledInvocationError" || !strings.Contains(message(t, a), "timed out after 1 second") {
		t.Errorf("answers %d %q %q", a.Status, a.ErrorType(), a.Body)
	}
	if took := time.Since(start); took < time.Second || took > 15*time.Second {
		t.Errorf("after %v", took)
	}
}

func TestAProcessThatEndsFailsItsCallAndNoOther(t *testing.T) {
	p := harness.Shared(t)
	f := probe(t, p, "", nil)
	a := harness.Invoke(t, p, f, `{"do":"exit"}`, nil)
	if a.Status != 200 || a.ErrorType() != "UnhandledInvocationError" || !strings.Contains(message(t, a), "exited unexpectedly") {
		t.Errorf("answers %d %q %q", a.Status, a.ErrorType(), a.Body)
	}
	for range 5 {
		if a := harness.Invoke(t, p, f, "hi", nil); a.Status != 200 || a.ErrorType() != "" {
			t.Errorf("a call after it answers %d %q %q %+v", a.Status, a.ErrorType(), a.Body, a.Error)
		}
	}
}

func TestAFunctionThatDoesNotComeUp(t *testing.T) {
	p := harness.Shared(t)
	tests := []struct {
		name, mood string
		change     func(*sdk.CreateFunctionInput)
		status     int
		kind       string // code of a refusal, else the error type
		says       string
	}{
		{"its initializer fails", "bad initializer", initializer(5), 200, "InitializationError", ""},
		{"its initializer takes too long", "slow initializer", initializer(1), 200, "InitializationError", "timed out"},
		{"its process ends", "dies", nil, 412, "FunctionNotStarted", ""},
		{"its program is not there", "", func(f *sdk.CreateFunctionInput) {
			f.Code.ZipFile = new(harness.Zip(map[string][]byte{"readme": []byte("nothing to run")}))
		}, 412, "FunctionNotStarted", "bootstrap"},
		{"its command is not there", "", func(f *sdk.CreateFunctionInput) {
			f.CustomRuntimeConfig = &sdk.CustomRuntimeConfig{Command: []*string{new("no-such-program")}}
		}, 412, "FunctionNotStarted", "no-such-program"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := probe(t, p, tt.mood, tt.change)
			for range 2 { // the second is no better than the first
				a := harness.Invoke(t, p, f, "hi", nil)
				kind, says := a.ErrorType(), a.Body
				if a.Error.Code != "" {
					kind, says = a.Error.Code, a.Error.Message
				}
				if a.Status != tt.status || kind != tt.kind || !strings.Contains(says, tt.says) {
					t.Errorf("answers %d %q %q, want %d %q that says %q", a.Status, kind, says, tt.status, tt.kind, tt.says)
				}
			}
		})
	}
}
