package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestEveryKindOfWorkIsAnswered(t *testing.T) {
	for _, c := range []struct {
		name, kind, event string
		path, want        string
	}{
		{"an event", "", `{"name":"Ada"}`, "r1/response", "Hello, Ada!\n"},
		{"an empty event", "0", "", "r1/response", "Hello, world!\n"},
		{"an event that is no JSON", "0", "Ada", "r1/error", `"errorMessage":"the event is not JSON`},
		{"the initializer", "1", "", "r1/response", ""},
		{"the end", "2", "", "r1/response", ""},
		{"something new", "9", "", "r1/error", "unknown type of work"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var path, body string
			api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					w.Header().Set("x-fc-request-id", "r1")
					w.Header().Set("x-fc-function-type", c.kind)
					w.Header().Set("x-fc-function-deadline", strconv.FormatInt(time.Now().Add(time.Minute).UnixMilli(), 10))
					_, _ = io.WriteString(w, c.event)
					return
				}
				text, _ := io.ReadAll(r.Body)
				path, body = r.URL.Path, string(text)
			}))
			defer api.Close()
			r := runtime{base: api.URL + "/2020-11-11/runtime/invocation/", client: api.Client()}
			if err := r.serve(context.Background(), handle); err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(path, c.path) || !strings.Contains(body, c.want) {
				t.Errorf("answered %q to %s, want %q to %s", body, path, c.want, c.path)
			}
		})
	}
}
