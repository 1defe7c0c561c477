// Package metadatatest is the suite of the metadata contract. A store that passes it
// can stand behind the platform; how fast it is, is left to benchmarks.
package metadatatest

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/fc"
)

const (
	account = "1000000000000001"
	other   = "1000000000000002"
)

// Test runs the suite. Each call of open gives an empty store of its own, and closes it
// when the test ends.
func Test(t *testing.T, open func(t *testing.T) metadata.Store) {
	groups := []struct {
		name  string
		cases []testCase
	}{
		{"functions", functionCases},
		{"lists", listCases},
		{"triggers", triggerCases},
		{"accounts", accountCases},
		{"changes", changeCases},
		{"calls", callCases},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, c := range g.cases {
				t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
			}
		})
	}
}

type testCase struct {
	name string
	run  func(t *testing.T, s metadata.Store)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantKind checks the kind of err. A particular kind is also the general one it wraps.
func wantKind(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error is %v, want %v", err, kind)
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s is\n%+v, want\n%+v", what, got, want)
	}
}

// function is one with every field set, so that none is lost on the way.
func function(account, name string) *fc.Function {
	at := time.Date(2025, 3, 1, 12, 30, 45, 123456789, time.UTC)
	return &fc.Function{
		Account: account, Name: name, ID: "id-" + account + "-" + name,
		Runtime: "custom.debian12", Handler: "index.handler", Description: "it's \"ünï\" \\ 你好 \x01?",
		CPU: 0.35, MemoryMB: 512, DiskMB: 512, Timeout: 3 * time.Second, Concurrency: 20, IdleTimeout: time.Minute,
		Env:  map[string]string{"PASSWORD": "geheim-" + name, "EMPTY": ""},
		Code: fc.Package{Key: "code/a/b.zip", SHA256: "abc", CRC64: "123", Size: 1 << 40},
		Custom: &fc.CustomRuntime{
			Command: []string{"/code/server"}, Args: []string{"-v", ""}, Port: 9000,
			Health: &fc.HealthCheck{Path: "/health", Period: time.Second, FailureThreshold: 3},
		},
		Initializer: &fc.Hook{Handler: "index.init", Timeout: time.Second},
		PreStop:     &fc.Hook{Command: []string{"bye"}},
		Role:        "acs:ram::1:role/r", Pool: "default",
		Tags:        []fc.Tag{{Key: "k", Value: "v"}},
		Kept:        map[string]json.RawMessage{"vpcConfig": json.RawMessage(`{"vpcId":"v"}`)},
		Restriction: &fc.Restriction{Disabled: true, Reason: "why", Modified: at},
		Created:     at, Modified: at.Add(time.Hour),
	}
}

func trigger(account, function, name string) *fc.Trigger {
	at := time.Date(2025, 3, 1, 12, 30, 45, 0, time.UTC)
	return &fc.Trigger{
		Account: account, Function: function, Name: name, ID: "id-" + function + "-" + name,
		Type: fc.TriggerHTTP, Qualifier: fc.Latest, Config: `{"authType":"anonymous"}`,
		Description: "d", Role: "r", SourceARN: "s",
		Subdomain: name + "-" + function + "-" + account,
		HTTP: &fc.HTTPTrigger{
			AuthType: "anonymous", Methods: []string{"GET"}, DisableInternet: true,
			CORS: &fc.CORS{AllowOrigins: []string{"*"}, MaxAge: 10},
		},
		Created: at, Modified: at,
	}
}

func create(t *testing.T, s metadata.Store, account string, names ...string) {
	t.Helper()
	for _, name := range names {
		must(t, s.CreateFunction(t.Context(), function(account, name)))
	}
}

func functionNames(list []*fc.Function) []string {
	names := []string{}
	for _, f := range list {
		names = append(names, f.Name)
	}
	return names
}

func triggerNames(list []*fc.Trigger) []string {
	names := []string{}
	for _, x := range list {
		names = append(names, x.Function+"."+x.Name)
	}
	return names
}
