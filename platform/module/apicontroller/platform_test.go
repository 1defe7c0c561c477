package apicontroller

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	openapiutil "github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"
	"github.com/alibabacloud-go/tea/dara"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/backend/metadata/sqlstore"
	"github.com/fcstack/fcstack/platform/backend/objectstore"
	"github.com/fcstack/fcstack/platform/backend/objectstore/dir"
	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/view"
)

const (
	account = "1234567890"
	keyID   = "LTAI-test"
	secret  = "a secret"
)

var credentials = api.Credentials{AccessKeyID: keyID, AccessKeySecret: secret}

// platform is a controller on real backends; call stands for what is behind it.
type platform struct {
	*Controller
	t       testing.TB
	store   *sqlstore.Store
	view    *view.View
	objects objectstore.Store
	server  *httptest.Server
	client  *sdk.Client
	call    func(ctx context.Context, in *fc.Invocation, out fc.ResultWriter) error
	nodes   []fc.NodeInfo
}

func (p *platform) Run(ctx context.Context, in *fc.Invocation, out fc.ResultWriter) error {
	if v := in.Version; v.Restriction != nil && v.Restriction.Disabled {
		return fmt.Errorf("function %q: %w: %s", v.Name, fc.ErrDisabled, v.Restriction.Reason)
	}
	return p.call(ctx, in, out)
}

func (p *platform) Heartbeat(context.Context, fc.NodeInfo) error { return nil }

func (p *platform) Nodes(context.Context, string) ([]fc.NodeInfo, error) { return p.nodes, nil }

func newPlatform(t testing.TB) *platform {
	t.Helper()
	ctx := context.Background()
	store, err := sqlstore.OpenSQLite(ctx, t.TempDir()+"/fc.db", sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	p := &platform{t: t, store: store, view: view.New(view.Deps{Store: store, Log: log}), call: echo}
	if p.objects, err = dir.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	p.nodes = []fc.NodeInfo{{ID: "n1", Runtimes: []fc.Runtime{"custom", "custom.debian12", "go1", "python3.10"}}}
	p.addKey(account, keyID, secret)
	p.addKey("42", "other", "other secret")
	if err := p.view.Load(ctx); err != nil {
		t.Fatal(err)
	}
	p.Controller, err = New(Config{Region: "test-1", TempDir: t.TempDir()}, Deps{
		View: p.view, Store: store, Objects: p.objects, Calls: p, Inventory: p, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.server = httptest.NewServer(p.Routes())
	t.Cleanup(p.server.Close)
	p.client = p.newClient(keyID, secret)
	return p
}

func (p *platform) addKey(account, id, secret string) {
	p.t.Helper()
	ctx := context.Background()
	if err := p.store.CreateAccount(ctx, &fc.Account{ID: account, Name: account, Created: time.Now()}); err != nil {
		p.t.Fatal(err)
	}
	if err := p.store.CreateAccessKey(ctx, &fc.AccessKey{ID: id, Secret: secret, Account: account, Created: time.Now()}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *platform) newClient(id, secret string) *sdk.Client {
	p.t.Helper()
	client, err := sdk.NewClient(&openapiutil.Config{
		AccessKeyId: &id, AccessKeySecret: &secret, Protocol: dara.String("HTTP"), Endpoint: dara.String(p.host()),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return client
}

func (p *platform) host() string { return strings.TrimPrefix(p.server.URL, "http://") }

// echo answers an event with itself, and an HTTP call with its request.
func echo(_ context.Context, in *fc.Invocation, out fc.ResultWriter) error {
	if in.Kind == fc.HTTPCall {
		out.Header().Set("Content-Type", "text/plain")
		out.Header().Set("X-Seen", in.Method+" "+in.URI)
		for name, values := range in.Header {
			out.Header()["X-Got-"+name] = values
		}
	}
	out.Begin(fc.Head{Status: 200, Size: -1, Instance: "c-1", Duration: 7 * time.Millisecond, MemoryMB: 20, LogTail: tail(in)})
	if in.Body == nil {
		return nil
	}
	_, err := io.Copy(out, in.Body)
	return err
}

func tail(in *fc.Invocation) []byte {
	if in.Tail {
		return []byte("the log")
	}
	return nil
}

// answer is a call that answers with fixed bytes.
func answer(h fc.Head, body string) func(context.Context, *fc.Invocation, fc.ResultWriter) error {
	return func(_ context.Context, _ *fc.Invocation, out fc.ResultWriter) error {
		out.Begin(h)
		_, err := io.WriteString(out, body)
		return err
	}
}

// archive makes a package out of names.
func archive(t testing.TB, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(w, "content of %s", name)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// create makes a function without the detour over the client.
func (p *platform) create(name, runtime string) {
	p.t.Helper()
	body := fmt.Sprintf(`{"functionName":%q,"runtime":%q,"handler":"h","code":{"zipFile":%q}}`,
		name, runtime, base64.StdEncoding.EncodeToString(archive(p.t, "bootstrap")))
	status, _, answer := p.send("POST", "/2023-03-30/functions", body)
	if status != 200 {
		p.t.Fatalf("create %s: %d %s", name, status, answer)
	}
}

// trigger makes an HTTP trigger and returns its URLs.
func (p *platform) trigger(function, config string) api.HTTPTrigger {
	p.t.Helper()
	text, _ := json.Marshal(config)
	status, _, answer := p.send("POST", "/2023-03-30/functions/"+function+"/triggers",
		`{"triggerName":"t","triggerType":"http","triggerConfig":`+string(text)+`}`)
	var out api.Trigger
	if err := json.Unmarshal(answer, &out); err != nil || status != 200 {
		p.t.Fatalf("create trigger: %d %s", status, answer)
	}
	return *out.HTTPTrigger
}

// request makes a signed request; sign it again after changing what is signed.
func (p *platform) request(method, path, body string) *http.Request {
	p.t.Helper()
	r, err := http.NewRequest(method, p.server.URL+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	api.Sign(r, credentials, api.SignOptions{Action: "Any", ContentSHA256: api.SHA256Text([]byte(body))})
	return r
}

func (p *platform) send(method, path, body string) (int, http.Header, []byte) {
	p.t.Helper()
	return p.do(p.request(method, path, body))
}

func (p *platform) do(r *http.Request) (int, http.Header, []byte) {
	p.t.Helper()
	// A redirect would be followed silently otherwise.
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	res, err := client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode, res.Header, body
}

// wantError checks an error answer: status, code, and that it is proper JSON.
func wantError(t testing.TB, status int, h http.Header, body []byte, wantStatus int, wantCode string) *api.Error {
	t.Helper()
	e := api.ParseError(status, body)
	if status != wantStatus || e.Code != wantCode {
		t.Errorf("got %d %s, want %d %s", status, body, wantStatus, wantCode)
	}
	if h.Get("Content-Type") != "application/json" {
		t.Errorf("content type %q", h.Get("Content-Type"))
	}
	if id := h.Get("X-Fc-Request-Id"); id == "" || id != e.RequestID {
		t.Errorf("request id %q in the header, %q in the body", id, e.RequestID)
	}
	if h.Get("Date") == "" {
		t.Error("no date")
	}
	return e
}
