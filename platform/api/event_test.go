package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"testing"
	"time"
)

func TestHTTPEvent(t *testing.T) {
	r := &HTTPRequest{
		Method: "POST", URI: "/a%20b/c?x=1&x=2&y=%C3%A9&=&z", Host: "fn-1.fc.localhost:9600", Protocol: "HTTP/1.1",
		Header:   http.Header{"Content-Type": {"application/json; charset=utf-8"}, "X-Many": {"a", "b"}, "User-Agent": {"curl/8"}},
		Body:     []byte(`{"a":"<é>"}`),
		SourceIP: "10.0.0.1", AccountID: "123", RequestID: "1-2", Time: time.UnixMilli(1693893671987),
	}
	data, err := r.Event()
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"version": "v1",
		"rawPath": "/a%20b/c",
		"headers": map[string]any{
			"Content-Type": "application/json; charset=utf-8", "X-Many": "a,b", "User-Agent": "curl/8", "Host": "fn-1.fc.localhost:9600",
		},
		"queryParameters": map[string]any{"x": "1,2", "y": "é", "": "", "z": ""},
		"body":            `{"a":"<é>"}`,
		"isBase64Encoded": false,
		"requestContext": map[string]any{
			"accountId": "123", "domainName": "fn-1.fc.localhost", "domainPrefix": "fn-1",
			"http": map[string]any{
				"method": "POST", "path": "/a b/c", "protocol": "HTTP/1.1", "sourceIp": "10.0.0.1", "userAgent": "curl/8",
			},
			"requestId": "1-2", "time": "2023-09-05T06:01:11Z", "timeEpoch": "1693893671987",
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestWhichBodiesAreText(t *testing.T) {
	for _, tt := range []struct {
		contentType, body string
		encoded           bool
	}{
		{"", "text", false},
		{"text/plain", "text", false},
		{"text/html; charset=utf-8", "<p>", false},
		{"application/vnd.api+json", "{}", false},
		{"application/x-www-form-urlencoded", "a=b", false},
		{"application/octet-stream", "text", true},
		{"image/png", "x", true},
		{"image/svg+xml", "<svg/>", false},
		{"text/plain", "\xff\xfe", true},
		{"image/png", "", false},
	} {
		if _, encoded := bodyText(tt.contentType, []byte(tt.body)); encoded != tt.encoded {
			t.Errorf("%s %q: base64 %v, want %v", tt.contentType, tt.body, encoded, tt.encoded)
		}
	}
}

func TestHTTPResponse(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		status       int
		header       http.Header
		body         string
	}{
		{"an object", `{"statusCode":201,"headers":{"content-type":"text/plain","X-N":7},"body":"hi"}`,
			201, http.Header{"Content-Type": {"text/plain"}, "X-N": {"7"}}, "hi"},
		{"a base64 body", `{"statusCode":200,"body":"aGk=","isBase64Encoded":true}`,
			200, http.Header{"Content-Type": {"application/json"}}, "hi"},
		{"a status as text", `{"statusCode":"404"}`, 404, http.Header{"Content-Type": {"application/json"}}, ""},
		{"a body that is an object", `{"statusCode":200,"body":{"a":1}}`, 200, http.Header{"Content-Type": {"application/json"}}, `{"a":1}`},
		{"a header with two values", `{"statusCode":200,"headers":{"set-cookie":["a=1","b=2"]}}`,
			200, http.Header{"Content-Type": {"application/json"}, "Set-Cookie": {"a=1", "b=2"}}, ""},
		{"JSON without status", `{"a":1}`, 200, http.Header{"Content-Type": {"application/json"}}, `{"a":1}`},
		{"text", `hello`, 200, http.Header{"Content-Type": {"application/json"}}, `hello`},
		{"nothing", ``, 200, http.Header{"Content-Type": {"application/json"}}, ``},
		{"a list", `[{"statusCode":500}]`, 200, http.Header{"Content-Type": {"application/json"}}, `[{"statusCode":500}]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseHTTPResponse([]byte(tt.answer))
			if err != nil {
				t.Fatal(err)
			}
			if got.StatusCode != tt.status || string(got.Body) != tt.body || !reflect.DeepEqual(got.Header, tt.header) {
				t.Errorf("got %d %v %q", got.StatusCode, got.Header, got.Body)
			}
		})
	}
}

func TestHTTPResponseThatBreaksTheRules(t *testing.T) {
	for _, answer := range []string{
		`{"statusCode":99}`, `{"statusCode":101}`, `{"statusCode":600}`, `{"statusCode":"ok"}`, `{"statusCode":[1]}`, `{"statusCode":200,"headers":[]}`,
		`{"statusCode":200,"body":"?","isBase64Encoded":true}`, `{"statusCode":200,"headers":{"a b":"c"}}`,
		`{"statusCode":200,"headers":{"a":"b\r\nc: d"}}`, `{"statusCode":200,"isBase64Encoded":"yes"}`,
	} {
		if got, err := ParseHTTPResponse([]byte(answer)); err == nil {
			t.Errorf("%s was taken: %+v", answer, got)
		}
	}
}
