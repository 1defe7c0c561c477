package faults

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"

	"github.com/fcstack/fcstack/e2e/harness"
)

// busy starts a platform with a probe that has begun a call of the given length. The
// answer comes from the channel.
func busy(t *testing.T, sleep string) (*harness.Platform, <-chan error) {
	t.Helper()
	p := harness.Start(t, harness.Options{})
	f := harness.Probe(t)
	f.FunctionName = new("probe")
	if _, err := harness.SDK(t, p).CreateFunction(&sdk.CreateFunctionRequest{Body: f}); err != nil {
		t.Fatal(err)
	}
	if a := harness.Invoke(t, p, "probe", "hi", nil); a.Body != "hi" {
		t.Fatalf("answers %+v", a)
	}
	c := harness.SDK(t, p)
	answered := make(chan error, 1)
	go func() {
		out, err := c.InvokeFunction(new("probe"), &sdk.InvokeFunctionRequest{Body: strings.NewReader(`{"do":"sleep","ms":` + sleep + `}`)})
		if err == nil && out.Headers["x-fc-error-type"] != nil {
			err = fmt.Errorf("the function failed with %s", *out.Headers["x-fc-error-type"])
		}
		answered <- err
	}()
	harness.Eventually(t, "the call has begun", func() bool {
		return harness.Decode(t, harness.Invoke(t, p, "probe", `{"do":"tell"}`, nil).Body).Running == 2
	})
	return p, answered
}

func TestTheFirstSignalLetsCallsEnd(t *testing.T) {
	p, answered := busy(t, "2000")
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if err := <-answered; err != nil {
		t.Errorf("the call that ran when the platform was told to stop: %v", err)
	}
}

func TestTheSecondSignalEndsAtOnce(t *testing.T) {
	p, answered := busy(t, "60000")
	began := time.Now()
	for !ended(p, 100*time.Millisecond) {
		if err := p.Signal(syscall.SIGTERM); err != nil {
			break // it has ended
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("it still runs %v after the first of many signals", time.Since(began))
		}
	}
	if err := <-answered; err == nil {
		t.Error("the call of a minute was answered after a second")
	}
	harness.Eventually(t, "the instances are gone", func() bool { return len(p.Processes()) == 0 })
}

// ended waits so long for the platform to end.
func ended(p *harness.Platform, wait time.Duration) bool {
	select {
	case <-p.Exited():
		return true
	case <-time.After(wait):
		return false
	}
}

func TestProbesAndMetrics(t *testing.T) {
	p := harness.Start(t, harness.Options{})
	at := regexp.MustCompile(`http://\S+/readyz`).FindString(p.Output())
	if !strings.HasPrefix(at, "http://127.0.0.1:") || strings.HasPrefix(at, p.URL+"/") {
		t.Fatalf("probes are at %q, the API at %s", at, p.URL)
	}
	base := strings.TrimSuffix(at, "/readyz")
	var g sync.WaitGroup
	for _, path := range []string{"/livez", "/readyz", "/metrics"} {
		g.Go(func() {
			resp, err := http.Get(base + path)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("%s answers %s", path, resp.Status)
			}
		})
	}
	g.Wait()
}
