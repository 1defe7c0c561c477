package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// HTTPEvent is the event that carries an HTTP request to a built-in runtime.
type HTTPEvent struct {
	Version         string            `json:"version"`
	RawPath         string            `json:"rawPath"`
	Headers         map[string]string `json:"headers"`
	QueryParameters map[string]string `json:"queryParameters"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
	RequestContext  HTTPEventContext  `json:"requestContext"`
}

// HTTPEventContext is what the platform knows about the request.
type HTTPEventContext struct {
	AccountID    string          `json:"accountId"`
	DomainName   string          `json:"domainName"`
	DomainPrefix string          `json:"domainPrefix"`
	HTTP         HTTPEventClient `json:"http"`
	RequestID    string          `json:"requestId"`
	Time         string          `json:"time"`
	TimeEpoch    string          `json:"timeEpoch"` // ms
	TriggerID    string          `json:"triggerId,omitempty"`
}

// HTTPEventClient is the request's first line and its sender.
type HTTPEventClient struct {
	Method    string `json:"method"`
	Path      string `json:"path"` // decoded
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// HTTPRequest is what an HTTPEvent is made of.
type HTTPRequest struct {
	Method    string
	URI       string // path and query as sent
	Host      string
	Protocol  string // HTTP/1.1
	Header    http.Header
	Body      []byte
	SourceIP  string
	AccountID string
	RequestID string
	TriggerID string
	Time      time.Time
}

// Event is the event as a function receives it.
func (r *HTTPRequest) Event() ([]byte, error) {
	rawPath, rawQuery, _ := strings.Cut(r.URI, "?")
	path, err := url.PathUnescape(rawPath)
	if err != nil {
		path = rawPath
	}
	host, _, _ := strings.Cut(r.Host, ":")
	prefix, _, _ := strings.Cut(host, ".")
	e := HTTPEvent{
		Version:         "v1",
		RawPath:         rawPath,
		Headers:         joinHeaders(r.Header, r.Host),
		QueryParameters: joinQuery(rawQuery),
		RequestContext: HTTPEventContext{
			AccountID:    r.AccountID,
			DomainName:   host,
			DomainPrefix: prefix,
			HTTP: HTTPEventClient{
				Method: r.Method, Path: path, Protocol: r.Protocol,
				SourceIP: r.SourceIP, UserAgent: r.Header.Get("User-Agent"),
			},
			RequestID: r.RequestID,
			Time:      r.Time.UTC().Format(time.RFC3339),
			TimeEpoch: strconv.FormatInt(r.Time.UnixMilli(), 10),
			TriggerID: r.TriggerID,
		},
	}
	e.Body, e.IsBase64Encoded = bodyText(r.Header.Get("Content-Type"), r.Body)

	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&e); err != nil {
		return nil, fmt.Errorf("encode http event: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

func joinHeaders(h http.Header, host string) map[string]string {
	out := make(map[string]string, len(h)+1)
	for name, values := range h {
		out[name] = strings.Join(values, ",")
	}
	if host != "" {
		out["Host"] = host
	}
	return out
}

// joinQuery keeps what can be decoded of a query.
func joinQuery(raw string) map[string]string {
	out := map[string]string{}
	values, _ := url.ParseQuery(raw) //nolint:errcheck // the parameters that are sound are still good
	for name, all := range values {
		out[name] = strings.Join(all, ",")
	}
	return out
}

// bodyText writes a body as text where that loses nothing, as base64 otherwise.
func bodyText(contentType string, body []byte) (text string, encoded bool) {
	if len(body) == 0 {
		return "", false
	}
	if isTextType(contentType) && utf8.Valid(body) {
		return string(body), false
	}
	return base64.StdEncoding.EncodeToString(body), true
}

// isTextType takes no type at all for text: most small clients send none.
func isTextType(contentType string) bool {
	t, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	t = strings.TrimSpace(t)
	switch t {
	case "", "application/json", "application/xml", "application/javascript", "application/x-javascript",
		"application/x-www-form-urlencoded", "application/x-ndjson", "application/graphql":
		return true
	}
	return strings.HasPrefix(t, "text/") || strings.HasSuffix(t, "+json") || strings.HasSuffix(t, "+xml")
}

// HTTPResponse is what a built-in runtime's function answers to an HTTPEvent.
type HTTPResponse struct {
	StatusCode int
	Header     http.Header
	Body       []byte
}

// ParseHTTPResponse reads a function's answer. Bytes that are not an object with a
// statusCode are the body themselves, as JSON with status 200. An error says which
// member breaks the rules.
func ParseHTTPResponse(answer []byte) (*HTTPResponse, error) {
	var in struct {
		StatusCode      json.RawMessage            `json:"statusCode"`
		Headers         map[string]json.RawMessage `json:"headers"`
		Body            json.RawMessage            `json:"body"`
		IsBase64Encoded bool                       `json:"isBase64Encoded"`
	}
	plain := &HTTPResponse{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: answer}
	if t := bytes.TrimLeft(answer, " \t\r\n"); len(t) == 0 || t[0] != '{' || !json.Valid(answer) {
		return plain, nil
	}
	err := json.Unmarshal(answer, &in)
	if len(in.StatusCode) == 0 || string(in.StatusCode) == "null" {
		return plain, nil
	}
	if err != nil {
		return nil, fmt.Errorf("response object: %w", err)
	}
	out := &HTTPResponse{Header: make(http.Header, len(in.Headers)+1)}
	out.StatusCode, err = strconv.Atoi(strings.Trim(string(in.StatusCode), `"`))
	if err != nil || out.StatusCode < 200 || out.StatusCode > 599 {
		return nil, fmt.Errorf("response object: statusCode %s is not between 200 and 599", in.StatusCode)
	}
	for name, value := range in.Headers {
		if err := out.addHeader(name, value); err != nil {
			return nil, err
		}
	}
	if out.Body, err = responseBody(in.Body, in.IsBase64Encoded); err != nil {
		return nil, err
	}
	if out.Header.Get("Content-Type") == "" {
		out.Header.Set("Content-Type", "application/json")
	}
	return out, nil
}

// addHeader takes a text, a number, a bool or a list of them.
func (r *HTTPResponse) addHeader(name string, value json.RawMessage) error {
	var many []json.RawMessage
	if json.Unmarshal(value, &many) != nil {
		many = []json.RawMessage{value}
	}
	for _, one := range many {
		text := jsonText(one)
		if !validHeader(name, text) {
			return fmt.Errorf("response object: header %q cannot be sent", name)
		}
		key := textproto.CanonicalMIMEHeaderKey(name)
		r.Header[key] = append(r.Header[key], text)
	}
	return nil
}

func validHeader(name, value string) bool {
	if name == "" {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if !isLetter(c) && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// jsonText is the content of a JSON string, or any other value as it is written.
func jsonText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

func responseBody(raw json.RawMessage, encoded bool) ([]byte, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	text := jsonText(raw)
	if !encoded {
		return []byte(text), nil
	}
	body, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("response object: body is not base64: %w", err)
	}
	return body, nil
}
