package provider_test

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
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
	objects   map[string][]byte                    // packages in the object store, by bucket/name
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
	answer, err := f.answer(r.Method, path, body)
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

func (f *fakeFC) answer(method, path string, body map[string]any) (any, *api.Error) {
	parts := strings.Split(path, "/")
	switch {
	case path == "functions" && method == http.MethodGet:
		return f.list(), nil
	case path == "functions":
		return f.create(body)
	case len(parts) == 2:
		return f.function(method, parts[1], body)
	case len(parts) >= 3 && parts[2] == "triggers":
		return f.trigger(method, parts[1], append(parts, "")[3], body)
	}
	return nil, api.OperationNotSupported(path)
}

func (f *fakeFC) list() api.ListFunctionsOutput {
	out := api.ListFunctionsOutput{}
	for _, name := range slices.Sorted(maps.Keys(f.functions)) {
		out.Functions = append(out.Functions, *f.functions[name])
	}
	return out
}

func (f *fakeFC) create(body map[string]any) (any, *api.Error) {
	in := as[api.CreateFunctionInput](body)
	if f.functions[in.FunctionName] != nil {
		return nil, api.Errorf(api.CodeFunctionExists, "function %s exists", in.FunctionName)
	}
	in.Defaults()
	f.functions[in.FunctionName] = &api.Function{
		FunctionName: in.FunctionName, FunctionARN: "acs:fc:r:1:functions/" + in.FunctionName, FunctionID: "id",
		State: "Active", LastUpdateStatus: "Successful", CreatedTime: "2026-01-02T03:04:05Z",
		CPU: *in.CPU, MemorySize: *in.MemorySize, DiskSize: *in.DiskSize, Timeout: *in.Timeout,
		InstanceConcurrency: *in.InstanceConcurrency, InternetAccess: *in.InternetAccess,
	}
	return f.change(in.FunctionName, body), nil
}

func (f *fakeFC) function(method, name string, body map[string]any) (any, *api.Error) {
	if f.functions[name] == nil {
		return nil, api.Errorf(api.CodeFunctionNotFound, "function %s does not exist", name)
	}
	switch method {
	case http.MethodDelete:
		delete(f.functions, name)
	case http.MethodPut:
		return f.change(name, body), nil
	}
	return f.functions[name], nil
}

// change takes over what is given: null means not given.
func (f *fakeFC) change(name string, body map[string]any) *api.Function {
	whole := as[map[string]any](f.functions[name])
	layers := []api.FunctionLayer{}
	for member, value := range body {
		switch {
		case member == "layers" && value != nil:
			for _, arn := range value.([]any) {
				layers = append(layers, api.FunctionLayer{ARN: arn.(string)})
			}
			whole[member] = layers
		case value != nil:
			whole[member] = value
		}
	}
	fn := as[api.Function](whole)
	if code, ok := body["code"].(map[string]any); ok {
		zip := f.objects[fmt.Sprint(code["ossBucketName"], "/", code["ossObjectName"])]
		if text, ok := code["zipFile"].(string); ok {
			zip, _ = base64.StdEncoding.DecodeString(text)
		}
		fn.CodeChecksum, fn.CodeSize = cmp.Or(f.checksum, api.Checksum(zip)), int64(len(zip))
	}
	f.functions[name] = &fn
	return &fn
}

func (f *fakeFC) trigger(method, function, name string, body map[string]any) (any, *api.Error) {
	id := function + "/" + name
	if method == http.MethodPost {
		in := as[api.CreateTriggerInput](body)
		id = function + "/" + in.TriggerName
		f.triggers[id] = &api.Trigger{
			TriggerID: "t-" + in.TriggerName, TargetARN: "arn", Status: "OK", CreatedTime: "2026-01-02T03:04:05Z",
			HTTPTrigger: &api.HTTPTrigger{URLInternet: "http://a", URLIntranet: "http://b"},
		}
	}
	t := f.triggers[id]
	if t == nil {
		return nil, api.Errorf(api.CodeTriggerNotFound, "trigger %s does not exist", id)
	}
	if method == http.MethodDelete {
		delete(f.triggers, id)
	}
	whole := as[map[string]any](t)
	for member, value := range body {
		if value != nil {
			whole[member] = value
		}
	}
	changed := as[api.Trigger](whole)
	if changed.TriggerType == api.TriggerHTTP {
		config, err := api.ParseHTTPTriggerConfig(changed.TriggerConfig)
		if err != nil {
			return nil, api.InvalidArgument("triggerConfig", "%v", err)
		}
		text, _ := json.Marshal(config)
		changed.TriggerConfig = string(text)
	}
	*t = changed
	return t, nil
}

// as gives a value another type with the same JSON.
func as[T any](from any) (to T) {
	text, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(text, &to)
	}
	if err != nil {
		panic(err)
	}
	return to
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
