package fcapi_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/provider/internal/fcapi"
)

func client(t *testing.T, at string, change func(*fcapi.Config)) *fcapi.Client {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	cfg := fcapi.Config{Endpoint: u, AccessKeyID: "id", AccessKeySecret: "secret"}
	if change != nil {
		change(&cfg)
	}
	c, err := fcapi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serve answers every request with what answers gives for its number.
func serve(t *testing.T, answer func(n int32, w http.ResponseWriter, r *http.Request)) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	var n atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer(n.Add(1), w, r)
	}))
	t.Cleanup(s.Close)
	return s, &n
}

func refuse(w http.ResponseWriter, err *api.Error) {
	err.RequestID = "1-a-b"
	w.WriteHeader(err.Status)
	_ = json.NewEncoder(w).Encode(err)
}

func TestErrorsHaveAKind(t *testing.T) {
	for _, c := range []struct {
		code string
		kind error
	}{
		{api.CodeFunctionNotFound, fcapi.ErrNotFound},
		{api.CodeFunctionExists, fcapi.ErrExists},
		{api.CodeInvalidArgument, fcapi.ErrInvalid},
		{api.CodeLimitExceeded, fcapi.ErrInvalid},
		{api.CodeInvalidAccessKeyID, fcapi.ErrCredentials},
		{api.CodeSignatureNotMatch, fcapi.ErrCredentials},
		{api.CodeAccessDenied, fcapi.ErrForbidden},
		{api.CodeOperationNotSupported, fcapi.ErrUnsupported},
		{api.CodeInternalServerError, fcapi.ErrInternal},
	} {
		t.Run(c.code, func(t *testing.T) {
			s, _ := serve(t, func(_ int32, w http.ResponseWriter, _ *http.Request) { refuse(w, api.Errorf(c.code, "no")) })
			_, err := client(t, s.URL, nil).Function(t.Context(), "f", "")
			var failure *fcapi.Error
			if !errors.Is(err, c.kind) || !errors.As(err, &failure) {
				t.Fatalf("the error is %v, want kind %v", err, c.kind)
			}
			if failure.Code != c.code || failure.RequestID != "1-a-b" || failure.Message != "no" {
				t.Errorf("the error is %+v", failure)
			}
			if text := err.Error(); text != "read function f: no ("+c.code+") [request 1-a-b]" {
				t.Errorf("the text is %q", text)
			}
		})
	}
}

func TestAnswersThatAreNotTheAPIsKeepTheirStatus(t *testing.T) {
	for status, kind := range map[int]error{
		http.StatusNotFound: fcapi.ErrNotFound, http.StatusForbidden: fcapi.ErrForbidden, http.StatusInternalServerError: fcapi.ErrInternal,
	} {
		s, _ := serve(t, func(_ int32, w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", status) })
		_, err := client(t, s.URL, nil).Function(t.Context(), "f", "")
		if !errors.Is(err, kind) || !strings.Contains(err.Error(), "proxy") {
			t.Errorf("status %d gives %v", status, err)
		}
	}
}

func TestCallsAreRepeatedWhereThatIsSafe(t *testing.T) {
	name := "f"
	get := func(ctx context.Context, c *fcapi.Client) error { _, err := c.Function(ctx, name, ""); return err }
	create := func(ctx context.Context, c *fcapi.Client) error {
		_, err := c.CreateFunction(ctx, &fcapi.FunctionInput{Settings: fcapi.Settings{FunctionName: &name}})
		return err
	}
	remove := func(ctx context.Context, c *fcapi.Client) error { return c.DeleteFunction(ctx, name) }
	for _, c := range []struct {
		name  string
		call  func(context.Context, *fcapi.Client) error
		code  string
		tries int32
	}{
		{"a read that is throttled", get, api.CodeResourceExhausted, 4},
		{"a read of a server that is away", get, api.CodeBadResponse, 4},
		{"a read that is refused", get, api.CodeInvalidArgument, 1},
		{"a create that is throttled", create, api.CodeResourceThrottled, 4},
		{"a create that may have been carried out", create, api.CodeBadResponse, 1},
		{"a delete that lost a race", remove, api.CodeConcurrentUpdate, 4},
		{"a delete that fails inside", remove, api.CodeInternalServerError, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, n := serve(t, func(_ int32, w http.ResponseWriter, _ *http.Request) { refuse(w, api.Errorf(c.code, "no")) })
			if err := c.call(t.Context(), client(t, s.URL, nil)); err == nil {
				t.Error("there is no error")
			}
			if n.Load() != c.tries {
				t.Errorf("it was tried %d times, want %d", n.Load(), c.tries)
			}
		})
	}
}

func TestConnectionThatBreaksIsNotRepeatedForACreate(t *testing.T) {
	s, n := serve(t, func(int32, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	name := "f"
	_, err := client(t, s.URL, nil).CreateFunction(t.Context(), &fcapi.FunctionInput{Settings: fcapi.Settings{FunctionName: &name}})
	if !errors.Is(err, fcapi.ErrUnreachable) {
		t.Errorf("the error is %v, want ErrUnreachable", err)
	}
	if n.Load() != 1 {
		t.Errorf("it was tried %d times, want once", n.Load())
	}
}

func TestRetriesEndWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, n := serve(t, func(_ int32, w http.ResponseWriter, _ *http.Request) {
		cancel()
		refuse(w, api.Errorf(api.CodeResourceExhausted, "no"))
	})
	if _, err := client(t, s.URL, nil).Function(ctx, "f", ""); err == nil {
		t.Error("there is no error")
	}
	if n.Load() != 1 {
		t.Errorf("it was tried %d times after the context ended", n.Load())
	}
}

func TestWhatIsGoneAlreadyIsDeleted(t *testing.T) {
	s, _ := serve(t, func(_ int32, w http.ResponseWriter, _ *http.Request) {
		refuse(w, api.Errorf(api.CodeFunctionNotFound, "no"))
	})
	if err := client(t, s.URL, nil).DeleteFunction(t.Context(), "f"); err != nil {
		t.Error(err)
	}
}

func TestListsAreReadToTheirEnd(t *testing.T) {
	s, n := serve(t, func(n int32, w http.ResponseWriter, r *http.Request) {
		token := r.URL.Query().Get("nextToken")
		page := api.ListFunctionsOutput{Functions: []api.Function{{FunctionName: "f" + token}}}
		if n < 3 {
			page.NextToken = token + "x"
		}
		_ = json.NewEncoder(w).Encode(page)
	})
	all, err := client(t, s.URL, nil).Functions(t.Context(), fcapi.Filter{Prefix: "f"})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 3 || n.Load() != 3 || all[2].Name() != "fxx" {
		t.Errorf("got %d functions in %d pages", len(all), n.Load())
	}
}

func TestNumbersKeepTheirValueOnTheWire(t *testing.T) {
	name, cpu := "f", 0.35
	s, _ := serve(t, func(_ int32, w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(text), `"cpu":0.35,`) || strings.Contains(string(text), `"timeout"`) {
			t.Errorf("the request is %s", text)
		}
		_, _ = io.WriteString(w, `{"functionName":"f","cpu":0.35,"memorySize":512,"codeSize":5000000000}`)
	})
	in := &fcapi.FunctionInput{Settings: fcapi.Settings{FunctionName: &name, CPU: &cpu}}
	f, err := client(t, s.URL, nil).CreateFunction(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if *f.CPU != 0.35 || *f.MemorySize != 512 || f.CodeSize != 5_000_000_000 {
		t.Errorf("got %v vCPU, %v MB, %v bytes", *f.CPU, *f.MemorySize, f.CodeSize)
	}
}

func TestPrivateAuthoritiesAreTrustedWhenGiven(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"functions":[]}`)
	}))
	defer s.Close()
	s.Config.ErrorLog = nil
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	for _, c := range []struct {
		name   string
		change func(*fcapi.Config)
		kind   error
	}{
		{"with its certificate", func(cfg *fcapi.Config) { cfg.CA = ca }, nil},
		{"with every certificate accepted", func(cfg *fcapi.Config) { cfg.Insecure = true }, nil},
		{"but not by themselves", nil, fcapi.ErrUnreachable},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := client(t, s.URL, c.change).Check(t.Context()); !errors.Is(err, c.kind) {
				t.Errorf("the error is %v, want %v", err, c.kind)
			}
		})
	}
	if _, err := fcapi.New(fcapi.Config{Endpoint: &url.URL{Scheme: "https", Host: "x"}, CA: []byte("no PEM")}); err == nil {
		t.Error("a file without certificates is taken")
	}
}

func TestChangesAreWaitedFor(t *testing.T) {
	s, n := serve(t, func(n int32, w http.ResponseWriter, _ *http.Request) {
		answer := api.Function{FunctionName: "f", State: "Pending", StateReason: "the image is fetched"}
		switch {
		case n == 2:
			answer.State, answer.LastUpdateStatus = "Active", "InProgress"
		case n > 2:
			answer.State, answer.LastUpdateStatus = "Active", "Successful"
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
	c := client(t, s.URL, nil)
	f, err := c.Function(t.Context(), "f", "")
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Settled(ended, f); err == nil || !strings.Contains(err.Error(), "the image is fetched") {
		t.Errorf("the wait that is given up tells %v", err)
	}
	if f, err = c.Settled(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if f.State != "Active" || f.LastUpdateStatus != "Successful" || n.Load() != 3 {
		t.Errorf("after %d questions the function is %s, %s", n.Load(), f.State, f.LastUpdateStatus)
	}
}

func TestTagsAreChangedByTheirDifference(t *testing.T) {
	var said []string
	s, _ := serve(t, func(_ int32, w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		said = append(said, r.Method+" "+r.URL.Query().Get("TagKey")+string(text))
	})
	c := client(t, s.URL, nil)
	changed, err := c.SetTags(t.Context(), "arn", map[string]string{"old": "1", "same": "1", "new": "1"}, map[string]string{"same": "1", "new": "2"})
	if err != nil || !changed {
		t.Fatal(changed, err)
	}
	want := []string{
		`DELETE ["old"]`,
		`POST {"ResourceId":["arn"],"ResourceType":"function","Tag":[{"Key":"new","Value":"2"}]}`,
	}
	if !slices.Equal(said, want) {
		t.Errorf("the requests are %q, want %q", said, want)
	}
	said = nil
	if changed, err := c.SetTags(t.Context(), "arn", map[string]string{"a": "1"}, map[string]string{"a": "1"}); changed || err != nil || said != nil {
		t.Errorf("without a difference: %t, %v, %q", changed, err, said)
	}
}
