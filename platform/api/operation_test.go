package api

import (
	"strings"
	"testing"
)

func TestEveryOperationIsFoundByItsPath(t *testing.T) {
	if len(Operations) != 73 {
		t.Errorf("%d operations, want 73", len(Operations))
	}
	seen := map[string]bool{}
	for _, op := range Operations {
		if seen[op.Name] {
			t.Errorf("%s is listed twice", op.Name)
		}
		seen[op.Name] = true
		path := op.Path
		var want [2]string
		for i := 0; strings.Contains(path, "{"); i++ {
			from, to := strings.Index(path, "{"), strings.Index(path, "}")
			path = path[:from] + "a%2F%3Ab" + path[to+1:]
			want[i] = "a/:b"
		}
		m, err := MatchOperation(op.Method, "/"+Version+path)
		if err != nil || m.Operation != op || m.Params != want {
			t.Errorf("%s %s: got %+v, %v", op.Method, path, m, err)
		}
	}
}

func TestPathsThatAreNotOfTheAPI(t *testing.T) {
	for _, tt := range []struct{ method, path string }{
		{"GET", "/"},
		{"GET", ""},
		{"GET", "/2023-03-30"},
		{"GET", "/2023-03-30/"},
		{"GET", "/2016-08-15/functions"},
		{"GET", "/2023-03-30/functions/"},
		{"GET", "/2023-03-30/functions//triggers"},
		{"GET", "/2023-03-30/functions/f/nothing"},
		{"GET", "/2023-03-30/functions/f/triggers/t/more"},
		{"GET", "/2023-03-30/functions/%zz"},
		{"PATCH", "/2023-03-30/functions/f"},
		{"GET", "/2023-03-30/functions/f/invocations"},
		{"GET", "/2023-03-30/functions/f/invoke"},
		{"POST", "//2023-03-30/functions"},
		{"GET", "/2023-03-30/a/b/c/d/e/f/g/h/i"},
	} {
		_, err := MatchOperation(tt.method, tt.path)
		wantCode(t, err, CodePathNotSupported)
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	n := testing.AllocsPerRun(100, func() {
		if _, err := MatchOperation("POST", "/2023-03-30/functions/hello/invocations"); err != nil {
			t.Fatal(err)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}
