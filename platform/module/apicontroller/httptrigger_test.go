package apicontroller

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"
	"github.com/alibabacloud-go/tea/dara"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/fc"
)

func newRecorder() *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat)) // the real server adds it
	return w
}

// serverSide is a client's request as a server receives it.
func serverSide(r *http.Request) *http.Request {
	r.RequestURI, r.Host, r.RemoteAddr, r.Proto = r.URL.RequestURI(), r.URL.Host, "10.0.0.1:1234", "HTTP/1.1"
	return r
}

// get asks one of a trigger's URLs; the host form is sent to the server's address.
func (p *platform) get(method, target, body string, change func(*http.Request)) (int, http.Header, []byte) {
	p.t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Host, r.URL.Host = u.Host, p.host()
	if change != nil {
		change(r)
	}
	return p.do(r)
}

func TestLifeOfATrigger(t *testing.T) {
	p := newPlatform(t)
	p.create("My_Func", "custom")
	name, function := dara.String("web"), dara.String("My_Func")
	in := &sdk.CreateTriggerInput{
		TriggerName: name, TriggerType: dara.String("http"), TriggerConfig: dara.String(`{"authType":"anonymous","methods":["GET","POST"]}`), Description: dara.String("d"),
	}
	created, err := p.client.CreateTrigger(function, &sdk.CreateTriggerRequest{Body: in})
	if err != nil {
		t.Fatal(err)
	}
	tr := created.Body
	internet, intranet := dara.StringValue(tr.HttpTrigger.UrlInternet), dara.StringValue(tr.HttpTrigger.UrlIntranet)
	port := p.host()[strings.LastIndex(p.host(), ":"):]
	if !strings.HasPrefix(internet, "http://my-func-") || !strings.HasSuffix(internet, ".fc.localhost"+port) {
		t.Errorf("host form %s", internet)
	}
	if !strings.HasPrefix(intranet, p.server.URL+"/2023-03-30/proxy/my-func-") {
		t.Errorf("path form %s", intranet)
	}
	if dara.StringValue(tr.TriggerId) == "" || dara.StringValue(tr.Qualifier) != "LATEST" || !strings.HasSuffix(dara.StringValue(tr.TargetArn), "functions/My_Func") {
		t.Errorf("created %v", tr)
	}
	_, err = p.client.CreateTrigger(function, &sdk.CreateTriggerRequest{Body: in})
	wantSDKError(t, err, 409, "TriggerAlreadyExists")
	in.TriggerName = dara.String("second")
	_, err = p.client.CreateTrigger(function, &sdk.CreateTriggerRequest{Body: in})
	wantSDKError(t, err, 400, "InvalidArgument")

	got, err := p.client.GetTrigger(function, name)
	if err != nil || got.Body.String() != tr.String() {
		t.Errorf("read %v, %v", got, err)
	}
	updated, err := p.client.UpdateTrigger(function, name, &sdk.UpdateTriggerRequest{Body: &sdk.UpdateTriggerInput{
		TriggerConfig: dara.String(`{"authType":"anonymous","methods":["PUT"]}`),
	}})
	if err != nil || dara.StringValue(updated.Body.Description) != "d" || dara.StringValue(updated.Body.HttpTrigger.UrlInternet) != internet {
		t.Errorf("updated %v, %v", updated, err)
	}
	if status, h, body := p.get("GET", internet, "", nil); status != 403 {
		t.Errorf("the update has no effect: %d %v %s", status, h, body)
	}
	list, err := p.client.ListTriggers(function, &sdk.ListTriggersRequest{Limit: dara.Int32(10)})
	if err != nil || len(list.Body.Triggers) != 1 || dara.StringValue(list.Body.Triggers[0].TriggerName) != "web" {
		t.Errorf("list %v, %v", list, err)
	}
	if _, err := p.client.DeleteTrigger(function, name); err != nil {
		t.Fatal(err)
	}
	_, err = p.client.GetTrigger(function, name)
	wantSDKError(t, err, 404, "TriggerNotFound")
	_, err = p.client.DeleteTrigger(function, name)
	wantSDKError(t, err, 404, "TriggerNotFound")
	_, err = p.client.ListTriggers(dara.String("none"), &sdk.ListTriggersRequest{})
	wantSDKError(t, err, 404, "FunctionNotFound")
	status, h, body := p.get("PUT", internet, "", nil)
	wantError(t, status, h, body, 404, "TriggerNotFound")
}

func TestOneHTTPTriggerWinsARace(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	var made atomic.Int32
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			status, _, _ := p.send("POST", "/2023-03-30/functions/f/triggers", fmt.Sprintf(`{"triggerName":"t%d","triggerType":"http","triggerConfig":"{}"}`, i))
			if status == 200 {
				made.Add(1)
			}
		})
	}
	wait.Wait()
	if made.Load() != 1 {
		t.Errorf("%d http triggers were made", made.Load())
	}
}

func TestTriggersThatCannotBeMade(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	for _, tt := range []struct {
		function, kind, config, qualifier string
		status                            int
		code                              string
	}{
		{"f", "timer", `{"cronExpression":"@every 5m"}`, "", 501, "TriggerTypeNotSupported"},
		{"f", "eventbridge", `{}`, "", 501, "TriggerTypeNotSupported"},
		{"f", "pigeon", `{}`, "", 400, "InvalidArgument"},
		{"f", "http", `not json`, "", 400, "InvalidArgument"},
		{"f", "http", `{"methods":["FETCH"]}`, "", 400, "InvalidArgument"},
		{"f", "http", `{"authType":"jwt"}`, "", 501, "FeatureNotSupported"},
		{"f", "http", `{}`, "3", 404, "VersionNotFound"},
		{"f", "http", `{}`, "prod", 404, "AliasNotFound"},
		{"none", "http", `{}`, "", 404, "FunctionNotFound"},
	} {
		_, err := p.client.CreateTrigger(&tt.function, &sdk.CreateTriggerRequest{Body: &sdk.CreateTriggerInput{
			TriggerName: dara.String("t"), TriggerType: &tt.kind, TriggerConfig: &tt.config, Qualifier: &tt.qualifier,
		}})
		wantSDKError(t, err, tt.status, tt.code)
	}
}

func TestDeletingAFunctionTakesItsURL(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	urls := p.trigger("f", `{"authType":"anonymous"}`)
	if status, _, _ := p.get("GET", urls.URLInternet, "", nil); status != 200 {
		t.Fatalf("status %d", status)
	}
	if status, _, body := p.send("DELETE", "/2023-03-30/functions/f", ""); status != 204 || len(body) != 0 {
		t.Fatalf("%d %s", status, body)
	}
	status, h, body := p.get("GET", urls.URLInternet, "", nil)
	wantError(t, status, h, body, 404, "TriggerNotFound")
}

func TestBothURLsReachTheFunction(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	urls := p.trigger("f", `{"authType":"anonymous"}`)
	for _, base := range []string{urls.URLInternet, urls.URLIntranet} {
		status, h, body := p.get("POST", base+"/a%2Fb/c?x=1&y=%20", "ping", func(r *http.Request) {
			r.Header.Set("X-Fc-Request-Id", "mine")
			r.Header.Set("X-Fc-Account-Id", "evil")
			r.Header.Set("X-Other", "kept")
		})
		if status != 200 || string(body) != "ping" {
			t.Errorf("%s: %d %s", base, status, body)
		}
		if got := h.Get("X-Seen"); got != "POST /a%2Fb/c?x=1&y=%20" {
			t.Errorf("%s: the function saw %q", base, got)
		}
		if h.Get("X-Got-X-Other") != "kept" || h.Get("X-Got-X-Fc-Account-Id") != "" {
			t.Errorf("%s: headers %v", base, h)
		}
		if id := h.Get("X-Fc-Request-Id"); id == "" || id == "mine" {
			t.Errorf("request id %q", id)
		}
	}
	_, h, _ := p.get("GET", urls.URLIntranet+"?q", "", nil)
	if got := h.Get("X-Seen"); got != "GET /?q" {
		t.Errorf("the function saw %q", got)
	}
	upper := strings.Replace(urls.URLInternet, ".fc.localhost", ".FC.LocalHost", 1)
	if status, _, _ := p.get("GET", upper, "", nil); status != 200 {
		t.Errorf("another spelling of the host: %d", status)
	}
}

func TestTriggersRefuse(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	urls := p.trigger("f", `{"authType":"anonymous","methods":["GET","POST"],"disableURLInternet":true}`)
	intranet := urls.URLIntranet
	for _, tt := range []struct {
		name, method, url string
		change            func(*http.Request)
		status            int
		code              string
	}{
		{"the disabled host form", "GET", urls.URLInternet, nil, 403, "AccessDenied"},
		{"a method", "PUT", intranet, nil, 403, "AccessDenied"},
		{"an unknown subdomain", "GET", p.server.URL + proxyPath + "none/", nil, 404, "TriggerNotFound"},
		{"no subdomain", "GET", p.server.URL + proxyPath, nil, 404, "TriggerNotFound"},
		{"a long path", "GET", intranet + "/" + strings.Repeat("a", 4096), nil, 400, "InvalidArgument"},
		{"large headers", "GET", intranet, func(r *http.Request) { r.Header.Set("X-Large", strings.Repeat("a", 8192)) }, 400, "InvalidArgument"},
		{"asynchronous calls", "GET", intranet, func(r *http.Request) { r.Header.Set("X-Fc-Invocation-Type", "Async") }, 501, "InvocationTypeNotSupported"},
		{"a log type", "GET", intranet, func(r *http.Request) { r.Header.Set("X-Fc-Log-Type", "x") }, 400, "InvalidArgument"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, h, body := p.get(tt.method, tt.url, "", tt.change)
			wantError(t, status, h, body, tt.status, tt.code)
			if h.Get("X-Fc-Error-Type") != "FcCommonError" {
				t.Errorf("error type %q", h.Get("X-Fc-Error-Type"))
			}
		})
	}
	r := httptest.NewRequest("POST", intranet, nil)
	r.ContentLength = api.MaxEvent + 1
	w := newRecorder()
	p.Routes().ServeHTTP(w, r)
	wantError(t, w.Code, w.Header(), w.Body.Bytes(), 400, "EntityTooLarge")
}

func TestAnEndlessBodyEnds(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	urls := p.trigger("f", `{"authType":"anonymous"}`)
	p.call = func(_ context.Context, in *fc.Invocation, _ fc.ResultWriter) error {
		_, err := io.Copy(io.Discard, in.Body)
		if err == nil {
			t.Error("the body has an end")
		}
		return fmt.Errorf("%w: send", context.Canceled)
	}
	r := httptest.NewRequest("POST", urls.URLIntranet, endless{})
	r.ContentLength = -1
	w := newRecorder()
	p.Routes().ServeHTTP(w, r)
	wantError(t, w.Code, w.Header(), w.Body.Bytes(), 400, "EntityTooLarge")
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestSignedTriggers(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	urls := p.trigger("f", `{"authType":"function"}`)
	sign := func(c api.Credentials, o api.SignOptions) func(*http.Request) {
		return func(r *http.Request) {
			o.Trigger = true
			if o.Scheme == api.ACS3 {
				o.ContentSHA256 = api.SHA256Text([]byte("body"))
			}
			api.Sign(r, c, o)
		}
	}
	for _, target := range []string{urls.URLInternet + "/x%20y?a=1&b=+2", urls.URLIntranet + "/x?a=1"} {
		for _, scheme := range []api.Scheme{api.ACS3, api.ROA, api.FC} {
			status, _, body := p.get("POST", target, "body", sign(credentials, api.SignOptions{Scheme: scheme, Action: "Any"}))
			if status != 200 || string(body) != "body" {
				t.Errorf("scheme %d: %d %s", scheme, status, body)
			}
		}
	}
	for _, tt := range []struct {
		name   string
		body   string
		change func(*http.Request)
		code   string
	}{
		{"unsigned", "body", nil, "AccessDenied"},
		{"another account's key", "body", sign(api.Credentials{AccessKeyID: "other", AccessKeySecret: "other secret"}, api.SignOptions{Action: "Any"}), "AccessDenied"},
		{"a wrong secret", "body", sign(api.Credentials{AccessKeyID: keyID, AccessKeySecret: "x"}, api.SignOptions{Scheme: api.ROA}), "SignatureNotMatch"},
		{"an old date", "body", sign(credentials, api.SignOptions{Scheme: api.FC, Date: time.Now().Add(-time.Hour)}), "SignatureNotMatch"},
		{"another body", "BODY", sign(credentials, api.SignOptions{Action: "Any"}), "SignatureNotMatch"},
	} {
		called := false
		p.call = func(context.Context, *fc.Invocation, fc.ResultWriter) error { called = true; return nil }
		status, h, body := p.get("POST", urls.URLInternet, tt.body, tt.change)
		wantError(t, status, h, body, 403, tt.code)
		if h.Get("X-Fc-Error-Type") != "FcCommonError" || called {
			t.Errorf("%s: %v, called %v", tt.name, h, called)
		}
	}
}

func TestAnswersAreFiltered(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	urls := p.trigger("f", `{"authType":"anonymous"}`)
	p.call = func(_ context.Context, _ *fc.Invocation, out fc.ResultWriter) error {
		for _, name := range []string{"X-Fc-Status", "Connection", "Content-Length", "Date", "Keep-Alive", "Server", "Upgrade", "X-Fc-Request-Id"} {
			out.Header().Set(name, "1")
		}
		out.Header().Set("X-Mine", "yes")
		out.Header().Add("Set-Cookie", "a=1")
		out.Header().Add("Set-Cookie", "b=2")
		out.Begin(fc.Head{Status: 418, Size: 3})
		_, err := io.WriteString(out, "tea")
		return err
	}
	status, h, body := p.get("GET", urls.URLInternet, "", nil)
	if status != 418 || string(body) != "tea" || h.Get("X-Mine") != "yes" || len(h["Set-Cookie"]) != 2 || h.Get("Content-Length") != "3" {
		t.Errorf("got %d %v %s", status, h, body)
	}
	for _, name := range []string{"X-Fc-Status", "Keep-Alive", "Server", "Upgrade"} {
		if h.Get(name) != "" {
			t.Errorf("%s came through", name)
		}
	}
	if h.Get("Date") == "1" || h.Get("X-Fc-Request-Id") == "1" {
		t.Errorf("the function set the platform's headers: %v", h)
	}
}

func TestFunctionsThatFailBehindAURL(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	urls := p.trigger("f", `{"authType":"anonymous"}`)
	for _, tt := range []struct {
		name      string
		call      func(context.Context, *fc.Invocation, fc.ResultWriter) error
		status    int
		errorType string
		body      string
	}{
		{"large headers", func(_ context.Context, _ *fc.Invocation, out fc.ResultWriter) error {
			out.Header().Set("X-Large", strings.Repeat("a", 9000))
			out.Begin(fc.Head{Status: 200, Size: -1})
			_, err := io.WriteString(out, "x")
			return err
		}, 502, "FcCommonError", "BadResponse"},
		{"a status that is none", answer(fc.Head{Status: 99, Size: -1}, ""), 502, "FcCommonError", "BadResponse"},
		{"a timeout", answer(fc.Head{Status: 502, Size: -1, ErrorType: fc.UnhandledInvocationError}, `{"errorMessage":"timed out"}`), 502, "UnhandledInvocationError", "timed out"},
		{"what it says itself", answer(fc.Head{Status: 404, Size: -1, ErrorType: fc.UnhandledInvocationError}, `{"mine":1}`), 404, "UnhandledInvocationError", "mine"},
		{"an initializer", func(context.Context, *fc.Invocation, fc.ResultWriter) error {
			return &fc.Failure{ErrorType: fc.InitializationError, Body: []byte(`{"errorMessage":"no"}`)}
		}, 502, "InitializationError", "no"},
		{"a broken connection", func(context.Context, *fc.Invocation, fc.ResultWriter) error { return fc.ErrAborted }, 502, "UnhandledInvocationError", "BadResponse"},
		{"a port that never opened", func(context.Context, *fc.Invocation, fc.ResultWriter) error {
			return &fc.Failure{Kind: fc.ErrNotStarted, Message: "port 9000"}
		}, 412, "FcCommonError", "FunctionNotStarted"},
		{"no capacity", func(context.Context, *fc.Invocation, fc.ResultWriter) error {
			return fmt.Errorf("take a slot of %s: %w", account, fc.ErrNoCapacity)
		}, 503, "FcCommonError", "ResourceThrottled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p.call = tt.call
			status, h, body := p.get("GET", urls.URLInternet, "", nil)
			if status != tt.status || h.Get("X-Fc-Error-Type") != tt.errorType || !strings.Contains(string(body), tt.body) || !json.Valid(body) {
				t.Errorf("got %d %q %s", status, h.Get("X-Fc-Error-Type"), body)
			}
			if h.Get("X-Fc-Request-Id") == "" || h.Get("X-Large") != "" || (status == 503) != (h.Get("Retry-After") == "1") {
				t.Errorf("headers %v", h)
			}
			if strings.Contains(string(body), account) {
				t.Errorf("the caller learns the account: %s", body)
			}
		})
	}
}

func TestBuiltInRuntimesGetAnEvent(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "python3.10")
	urls := p.trigger("f", `{"authType":"anonymous"}`)
	var event api.HTTPEvent
	p.call = func(_ context.Context, in *fc.Invocation, out fc.ResultWriter) error {
		if in.Kind != fc.EventCall {
			t.Errorf("kind %d", in.Kind)
		}
		data, err := io.ReadAll(in.Body)
		if err != nil || int64(len(data)) != in.Size {
			t.Errorf("event of %d bytes, %d announced, %v", len(data), in.Size, err)
		}
		if err := json.Unmarshal(data, &event); err != nil {
			t.Error(err)
		}
		return answer(fc.Head{Status: 200, Size: -1}, `{"statusCode":201,"headers":{"Content-Type":"text/html","X-Fc-Evil":"1"},"body":"PGI+","isBase64Encoded":true}`)(nil, in, out)
	}
	status, h, body := p.get("POST", urls.URLIntranet+"/a%20b?x=1", `{"k":1}`, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") })
	if status != 201 || string(body) != "<b>" || h.Get("Content-Type") != "text/html" || h.Get("X-Fc-Evil") != "" {
		t.Errorf("got %d %v %s", status, h, body)
	}
	if event.RawPath != "/a%20b" || event.Body != `{"k":1}` || event.QueryParameters["x"] != "1" || event.RequestContext.HTTP.Path != "/a b" ||
		event.RequestContext.RequestID != h.Get("X-Fc-Request-Id") || event.RequestContext.HTTP.SourceIP != "127.0.0.1" {
		t.Errorf("event %+v", event)
	}
	for _, tt := range []struct {
		head      fc.Head
		answer    string
		status    int
		errorType string
		body      string
	}{
		{fc.Head{}, "plain", 200, "", "plain"},
		{fc.Head{}, `{"statusCode":7}`, 502, "FcCommonError", "BadResponse"},
		{fc.Head{}, `{"statusCode":200,"headers":{"a":"` + strings.Repeat("x", 9000) + `"}}`, 502, "FcCommonError", "BadResponse"},
		{fc.Head{ErrorType: fc.UnhandledInvocationError}, `{"errorMessage":"x"}`, 502, "UnhandledInvocationError", "errorMessage"},
	} {
		p.call = answer(tt.head, tt.answer)
		status, h, body := p.get("GET", urls.URLIntranet, "", nil)
		if status != tt.status || h.Get("X-Fc-Error-Type") != tt.errorType || !strings.Contains(string(body), tt.body) {
			t.Errorf("%s: got %d %v %s", tt.answer, status, h, body)
		}
	}
}

func TestPreflights(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	urls := p.trigger("f", `{"authType":"function","methods":["GET"],"corsConfig":{"allowOrigins":["https://*.example.com"],"allowHeaders":["x-a"],"exposeHeaders":["x-b"],"allowCredentials":true,"maxAge":60}}`)
	ask := func(origin string) (int, http.Header) {
		status, h, _ := p.get("OPTIONS", urls.URLInternet, "", func(r *http.Request) {
			r.Header.Set("Origin", origin)
			r.Header.Set("Access-Control-Request-Method", "GET")
		})
		return status, h
	}
	status, h := ask("https://a.example.com")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://a.example.com", "Access-Control-Allow-Methods": "GET", "Access-Control-Allow-Headers": "x-a",
		"Access-Control-Allow-Credentials": "true", "Access-Control-Max-Age": "60", "Vary": "Origin",
	} {
		if h.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, h.Get(name), want)
		}
	}
	if status != 204 {
		t.Errorf("status %d", status)
	}
	if _, h := ask("https://evil.com"); h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a stranger may: %v", h)
	}
	if status, h, _ := p.get("OPTIONS", urls.URLInternet, "", nil); status != 403 {
		t.Errorf("OPTIONS that is no preflight: %d %v", status, h)
	}
}

// upgradeRunner answers an upgrade and echoes what comes after it.
func upgradeRunner(_ context.Context, in *fc.Invocation, out fc.ResultWriter) error {
	out.Header().Set("Upgrade", in.Header.Get("Upgrade"))
	out.Header().Set("Connection", "Upgrade")
	out.Header().Set("Sec-Websocket-Accept", "x")
	conn, err := out.(fc.Upgrader).Upgrade(fc.Head{Status: 101})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = io.Copy(conn, conn)
	return err
}

func TestConnectionsCanBeUpgraded(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	urls := p.trigger("f", `{"authType":"anonymous"}`)
	p.call = upgradeRunner
	u, _ := url.Parse(urls.URLIntranet)
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly", u.Path, u.Host)
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 101 || res.Header.Get("Upgrade") != "websocket" || res.Header.Get("Sec-Websocket-Accept") != "x" || res.Header.Get("X-Fc-Request-Id") == "" {
		t.Errorf("got %d %v", res.StatusCode, res.Header)
	}
	fmt.Fprint(conn, "later")
	got := make([]byte, 10)
	if _, err := io.ReadFull(in, got); err != nil || string(got) != "earlylater" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAnswersStream(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	urls := p.trigger("f", `{"authType":"anonymous"}`)
	proceed := make(chan struct{})
	p.call = func(_ context.Context, in *fc.Invocation, out fc.ResultWriter) error {
		out.Header().Set("Content-Type", "text/event-stream")
		out.Begin(fc.Head{Status: 200, Size: -1})
		io.WriteString(out, "data: 1\n\n")
		out.Flush()
		<-proceed
		_, err := io.WriteString(out, "data: 2\n\n")
		return err
	}
	res, err := http.Get(urls.URLIntranet)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	first := make([]byte, 9)
	if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "data: 1\n\n" {
		t.Fatalf("got %q, %v", first, err)
	}
	close(proceed) // only now: the first event was here before the second was made
	if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "data: 2\n\n" {
		t.Errorf("got %q, %v", rest, err)
	}
}

func TestACallerWhoLeavesCancelsTheCall(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	urls := p.trigger("f", `{"authType":"anonymous"}`)
	began, ended := make(chan struct{}), make(chan error, 1)
	p.call = func(ctx context.Context, _ *fc.Invocation, _ fc.ResultWriter) error {
		close(began)
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	r, _ := http.NewRequestWithContext(ctx, "GET", urls.URLIntranet, nil)
	if res, err := http.DefaultClient.Do(r); err == nil {
		res.Body.Close()
		t.Error("an answer came")
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the call goes on")
	}
}

func TestTheRestOfABodyIsNoRequest(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	urls := p.trigger("f", `{"authType":"anonymous"}`)
	for name, size := range map[string]int64{"known size": 2, "in chunks": -1} {
		t.Run(name, func(t *testing.T) {
			// The function answers without reading on, and what sends the body to it stops.
			p.call = func(_ context.Context, in *fc.Invocation, out fc.ResultWriter) error {
				if _, err := io.ReadFull(in.Body, make([]byte, 4)); err != nil {
					t.Error(err)
				}
				out.Begin(fc.Head{Status: 200, Size: size})
				io.WriteString(out, "ok")
				if err := in.Body.(io.Closer).Close(); err != nil {
					t.Error(err)
				}
				_, err := in.Body.Read(make([]byte, 1))
				if err == nil {
					t.Error("the body can still be read")
				}
				return nil
			}
			u, _ := url.Parse(urls.URLIntranet)
			conn, err := net.Dial("tcp", u.Host)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			smuggled := "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\nbody", u.Path, u.Host, 4+len(smuggled))
			in := bufio.NewReader(conn)
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(res.Body); err != nil || string(body) != "ok" {
				t.Errorf("got %q, %v", body, err)
			}
			io.WriteString(conn, smuggled)
			conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			if rest, _ := io.ReadAll(in); len(rest) > 0 {
				t.Errorf("the rest of the body was answered: %s", rest)
			}
		})
	}
}

func TestCallsAtTheSameTimeDoNotMix(t *testing.T) {
	p := newPlatform(t)
	p.create("f", "custom")
	p.create("g", "python3.10")
	passed, event := p.trigger("f", `{"authType":"anonymous"}`).URLIntranet, p.trigger("g", `{"authType":"anonymous"}`).URLIntranet
	p.call = func(ctx context.Context, in *fc.Invocation, out fc.ResultWriter) error {
		if in.Function == "f" {
			return echo(ctx, in, out)
		}
		var e api.HTTPEvent
		if err := json.NewDecoder(in.Body).Decode(&e); err != nil {
			return err
		}
		return answer(fc.Head{Status: 200, Size: -1}, e.Body)(ctx, in, out)
	}
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for i := range 15 {
				body := strings.Repeat(fmt.Sprintf("%d-%d;", worker, i), 1+i*i*50)
				for _, send := range []func() (int, []byte){
					func() (int, []byte) { s, _, b := p.get("POST", passed, body, nil); return s, b },
					func() (int, []byte) { s, _, b := p.get("POST", event, body, nil); return s, b },
					func() (int, []byte) {
						s, _, b := p.send("POST", "/2023-03-30/functions/f/invocations", body)
						return s, b
					},
				} {
					if status, got := send(); status != 200 || string(got) != body {
						t.Errorf("worker %d, call %d: %d, %d bytes of %d: %.300s", worker, i, status, len(got), len(body), got)
					}
				}
			}
		})
	}
	wait.Wait()
}
