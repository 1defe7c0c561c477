package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestFunctionGreets(t *testing.T) {
	for _, c := range []struct {
		name, method, target, body string
		status                     int
		want                       string
	}{
		{"an event with a name", "POST", "/invoke", `{"name":"Ada"}`, http.StatusOK, "Hello, Ada!\n"},
		{"an empty event", "POST", "/invoke", "", http.StatusOK, "Hello, world!\n"},
		{"a request with a name", "GET", "/?name=Ada", "", http.StatusOK, "Hello, Ada!\n"},
		{"a request to any path", "PUT", "/a/b", "", http.StatusOK, "Hello, world!\n"},
		{"an event that is no JSON", "POST", "/invoke", "Ada", http.StatusNotFound, "the event is not JSON"},
		{"the initializer", "POST", "/initialize", "", http.StatusOK, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			routes("Hello").ServeHTTP(w, httptest.NewRequest(c.method, c.target, strings.NewReader(c.body)))
			if w.Code != c.status || !strings.HasPrefix(w.Body.String(), c.want) {
				t.Errorf("got %d %q, want %d %q", w.Code, w.Body, c.status, c.want)
			}
		})
	}
}
