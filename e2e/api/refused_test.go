package api

import (
	"strings"
	"testing"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"

	"github.com/fcstack/fcstack/e2e/harness"
)

func TestAFunctionIsRefused(t *testing.T) {
	p := harness.Shared(t)
	c := harness.SDK(t, p)
	taken := harness.Create(t, p, script("taken"))
	tests := []struct {
		name   string
		change func(*sdk.CreateFunctionInput)
		status int
		code   string
		says   string // what the message has to name
	}{
		{"with a name that is taken", func(f *sdk.CreateFunctionInput) { f.FunctionName = &taken }, 409, "FunctionAlreadyExists", taken},
		{"without a name", func(f *sdk.CreateFunctionInput) { f.FunctionName = nil }, 400, "InvalidArgument", "functionName"},
		{"with a name that begins with a digit", func(f *sdk.CreateFunctionInput) { f.FunctionName = new("1f") }, 400, "InvalidArgument", "functionName"},
		{"with a name too long", func(f *sdk.CreateFunctionInput) { f.FunctionName = new(strings.Repeat("f", 129)) }, 400, "InvalidArgument", "functionName"},
		{"without a runtime", func(f *sdk.CreateFunctionInput) { f.Runtime = nil }, 400, "InvalidArgument", "runtime"},
		{"with an unknown runtime", func(f *sdk.CreateFunctionInput) { f.Runtime = new("cobol85") }, 400, "InvalidArgument", "runtime"},
		{"without a handler", func(f *sdk.CreateFunctionInput) { f.Handler = nil }, 400, "InvalidArgument", "handler"},
		{"without code", func(f *sdk.CreateFunctionInput) { f.Code = nil }, 400, "InvalidArgument", "code"},
		{"with code that is no zip", func(f *sdk.CreateFunctionInput) { f.Code.ZipFile = new("bm8gemlw") }, 400, "InvalidArgument", "zip"},
		{"with code that is no base64", func(f *sdk.CreateFunctionInput) { f.Code.ZipFile = new("***") }, 400, "InvalidArgument", "base64"},
		{"with a checksum of something else", func(f *sdk.CreateFunctionInput) { f.Code.Checksum = new("12345") }, 400, "InvalidArgument", "checksum"},
		{"with code that leaves its folder", func(f *sdk.CreateFunctionInput) {
			f.Code.ZipFile = new(harness.Zip(map[string][]byte{"../../outside": []byte("x")}))
		}, 400, "InvalidArgument", "outside"},
		{"with too little memory", func(f *sdk.CreateFunctionInput) { f.MemorySize = new(int32(64)) }, 400, "InvalidArgument", "memorySize"},
		{"with memory of no step", func(f *sdk.CreateFunctionInput) { f.MemorySize = new(int32(500)) }, 400, "InvalidArgument", "memorySize"},
		{"with cpu out of proportion", func(f *sdk.CreateFunctionInput) { f.Cpu, f.MemorySize = new(float32(4)), new(int32(512)) }, 400, "InvalidArgument", "cpu"},
		{"with a timeout of nothing", func(f *sdk.CreateFunctionInput) { f.Timeout = new(int32(0)) }, 400, "InvalidArgument", "timeout"},
		{"with a timeout of more than a day", func(f *sdk.CreateFunctionInput) { f.Timeout = new(int32(86401)) }, 400, "InvalidArgument", "timeout"},
		{"with too much concurrency", func(f *sdk.CreateFunctionInput) { f.InstanceConcurrency = new(int32(201)) }, 400, "InvalidArgument", "instanceConcurrency"},
		{"with concurrency in a runtime that has none", func(f *sdk.CreateFunctionInput) {
			f.Runtime, f.InstanceConcurrency = new("python3.10"), new(int32(2))
		}, 400, "InvalidArgument", "instanceConcurrency"},
		{"with a variable of the platform's", func(f *sdk.CreateFunctionInput) {
			f.EnvironmentVariables = map[string]*string{"FC_REGION": new("moon")}
		}, 400, "InvalidArgument", "environmentVariables"},
		{"with too many variables", func(f *sdk.CreateFunctionInput) {
			f.EnvironmentVariables = map[string]*string{"A": new(strings.Repeat("x", 4097))}
		}, 400, "InvalidArgument", "environmentVariables"},
		{"with a description too long", func(f *sdk.CreateFunctionInput) { f.Description = new(strings.Repeat("d", 257)) }, 400, "InvalidArgument", "description"},
		{"with a hook of both kinds", func(f *sdk.CreateFunctionInput) {
			f.InstanceLifecycleConfig = &sdk.InstanceLifecycleConfig{PreStop: &sdk.LifecycleHook{Handler: new("a.b"), Command: []*string{new("true")}}}
		}, 400, "InvalidArgument", "preStop"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := script("refused")
			in.FunctionName = new(harness.Name(t))
			tt.change(in)
			_, err := c.CreateFunction(&sdk.CreateFunctionRequest{Body: in})
			got := harness.ErrorOf(err)
			if got.Status != tt.status || got.Code != tt.code || !strings.Contains(got.Message, tt.says) {
				t.Errorf("answers %+v (%v), want %d %s that names %q", got, err, tt.status, tt.code, tt.says)
			}
			if err == nil {
				harness.Remove(t, p, *in.FunctionName)
			}
		})
	}
}

func TestWrongCredentialsAreRefused(t *testing.T) {
	p := harness.Shared(t)
	for _, tt := range []struct{ name, key, secret, code string }{
		{"an unknown key", "nobody", "nothing", "InvalidAccessKeyID"},
		{"a wrong secret", p.Key(), "nothing", "SignatureNotMatch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := p.ClientAs(tt.key, tt.secret)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.ListFunctions(&sdk.ListFunctionsRequest{})
			if got := harness.ErrorOf(err); got.Status != 403 || got.Code != tt.code {
				t.Errorf("answers %+v, want 403 %s", got, tt.code)
			}
		})
	}
}
