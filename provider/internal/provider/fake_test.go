package provider_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/fcstack/fcstack/platform/api"
)

// fakeFC answers like Function Compute, out of memory. It stands in where a
// test needs a server that fails on purpose; what a working server does is
// tested against the real platform.
type fakeFC struct {
	*httptest.Server
	mu        sync.Mutex
	functions map[string]*api.Function
	triggers  map[string]*api.Trigger
	requests  []request
	fault     func(method, path string) *api.Error // nil: no fault
	checksum  string                               // reported instead of the real one
}

type request struct {
	method, path string
	body         map[string]any
}

func startFake(t *testing.T) *fakeFC {
	t.Helper()
	f := &fakeFC{functions: map[string]*api.Function{}, triggers: map[string]*api.Trigger{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeFC) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	text, _ := io.ReadAll(r.Body)
	var body map[string]any
	_ = json.Unmarshal(text, &body) // an empty body stays nil
	path := strings.TrimPrefix(r.URL.Path, "/2023-03-30/")
	f.requests = append(f.requests, request{r.Method, path, body})
	answer, err := f.answer(r.Method, path, text)
	if !strings.Contains(r.Header.Get("Authorization"), "Credential=known,") {
		err = api.Errorf(api.CodeInvalidAccessKeyID, "no such access key")
	}
	if f.fault != nil {
		if e := f.fault(r.Method, path); e != nil {
			err = e
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		err.RequestID = "1-0-0"
		w.WriteHeader(err.Status)
		_ = json.NewEncoder(w).Encode(err)
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (f *fakeFC) answer(method, path string, body []byte) (any, *api.Error) {
	parts := strings.Split(path, "/")
	switch {
	case path == "functions" && method == http.MethodPost:
		return f.create(body)
	case path == "functions":
		return api.ListFunctionsOutput{}, nil
	case len(parts) == 2:
		return f.function(method, parts[1], body)
	}
	return nil, api.OperationNotSupported(path)
}

func (f *fakeFC) create(body []byte) (any, *api.Error) {
	var in api.CreateFunctionInput
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, api.InvalidArgument("body", "%v", err)
	}
	if f.functions[in.FunctionName] != nil {
		return nil, api.Errorf(api.CodeFunctionExists, "function %s exists", in.FunctionName)
	}
	in.Defaults()
	fn := &api.Function{
		FunctionName: in.FunctionName, FunctionARN: "acs:fc:r:1:functions/" + in.FunctionName, FunctionID: "id",
		State: "Active", LastUpdateStatus: "Successful", CreatedTime: "2026-01-02T03:04:05Z", Tags: in.Tags,
	}
	f.functions[in.FunctionName] = fn
	return f.apply(fn, &in.FunctionSettings), nil
}

func (f *fakeFC) function(method, name string, body []byte) (any, *api.Error) {
	fn := f.functions[name]
	if fn == nil {
		return nil, api.Errorf(api.CodeFunctionNotFound, "function %s does not exist", name)
	}
	switch method {
	case http.MethodDelete:
		delete(f.functions, name)
	case http.MethodPut:
		var in api.UpdateFunctionInput
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, api.InvalidArgument("body", "%v", err)
		}
		return f.apply(fn, &in.FunctionSettings), nil
	}
	return fn, nil
}

// apply changes what is given, as an update does.
func (f *fakeFC) apply(fn *api.Function, in *api.FunctionSettings) *api.Function {
	set(&fn.Runtime, in.Runtime)
	set(&fn.Handler, in.Handler)
	set(&fn.Description, in.Description)
	set(&fn.Role, in.Role)
	set(&fn.CPU, in.CPU)
	set(&fn.MemorySize, in.MemorySize)
	set(&fn.DiskSize, in.DiskSize)
	set(&fn.Timeout, in.Timeout)
	set(&fn.InstanceConcurrency, in.InstanceConcurrency)
	set(&fn.InternetAccess, in.InternetAccess)
	if in.EnvironmentVariables != nil {
		fn.EnvironmentVariables = maps.Clone(in.EnvironmentVariables)
	}
	if in.Code != nil && in.Code.ZipFile != nil {
		zip, _ := base64.StdEncoding.DecodeString(*in.Code.ZipFile)
		fn.CodeChecksum, fn.CodeSize = api.Checksum(zip), int64(len(zip))
		if f.checksum != "" {
			fn.CodeChecksum = f.checksum
		}
	}
	return fn
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// last is the most recent request of a method.
func (f *fakeFC) last(t *testing.T, method string) request {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := len(f.requests) - 1; i >= 0; i-- {
		if f.requests[i].method == method {
			return f.requests[i]
		}
	}
	t.Fatalf("there was no %s request", method)
	return request{}
}
