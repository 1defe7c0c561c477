package invoke

import (
	"fmt"
	"os"
	"sync"
	"testing"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"

	"github.com/fcstack/fcstack/e2e/harness"
)

// together calls a function n times at once.
func together(t *testing.T, p *harness.Platform, f string, n int, event string) []harness.Answer {
	t.Helper()
	answers := make([]harness.Answer, n)
	var g sync.WaitGroup
	for i := range n {
		g.Go(func() { answers[i] = harness.Invoke(t, p, f, event, nil) })
	}
	g.Wait()
	return answers
}

// instances counts the instances that answered, and fails for one that served more
// calls at a time than it may.
func instances(t *testing.T, answers []harness.Answer, concurrency int64) int {
	t.Helper()
	seen := map[string]bool{}
	for _, a := range answers {
		if a.Status != 200 || a.ErrorType() != "" {
			t.Fatalf("answers %d %q %+v %s", a.Status, a.ErrorType(), a.Error, a.Body)
		}
		seen[a.Header["x-fc-instance-id"]] = true
		if told := harness.Decode(t, a.Body); told.Most > concurrency {
			t.Errorf("an instance served %d calls at a time, it may serve %d", told.Most, concurrency)
		}
	}
	return len(seen)
}

func TestInstancesFollowTheConcurrency(t *testing.T) {
	p := harness.Shared(t)
	for _, tt := range []struct {
		concurrency int32
		calls       int
		low, high   int
	}{
		{1, 6, 6, 6},   // each call has an instance of its own
		{4, 8, 2, 8},   // two would do; a burst may start some more
		{20, 12, 1, 6}, // one would do
	} {
		t.Run(fmt.Sprintf("%d calls on instances that serve %d", tt.calls, tt.concurrency), func(t *testing.T) {
			f := probe(t, p, "", func(in *sdk.CreateFunctionInput) { in.InstanceConcurrency = &tt.concurrency })
			answers := together(t, p, f, tt.calls, `{"do":"sleep","ms":2500}`)
			if n := instances(t, answers, int64(tt.concurrency)); n < tt.low || n > tt.high {
				t.Errorf("%d instances, want %d to %d", n, tt.low, tt.high)
			}
		})
	}
}

func TestCallsOneAfterTheOtherShareAnInstance(t *testing.T) {
	p := harness.Shared(t)
	f := probe(t, p, "", func(in *sdk.CreateFunctionInput) { in.InstanceConcurrency = new(int32(1)) })
	var answers []harness.Answer
	for range 20 {
		answers = append(answers, harness.Invoke(t, p, f, `{"do":"tell"}`, nil))
	}
	if n := instances(t, answers, 1); n != 1 {
		t.Errorf("%d instances served calls that never overlapped", n)
	}
}

func TestAnIdleInstanceIsStopped(t *testing.T) {
	p := harness.Shared(t)
	harness.Local(t, p)
	f := probe(t, p, "", func(in *sdk.CreateFunctionInput) { in.IdleTimeout = new(int32(1)) })
	told := harness.Decode(t, harness.Invoke(t, p, f, `{"do":"tell"}`, nil).Body)
	harness.Eventually(t, "the idle instance is stopped", func() bool { return gone(told.PID) })
	if a := harness.Invoke(t, p, f, "hi", nil); a.Status != 200 || a.Body != "hi" {
		t.Errorf("the next call answers %+v", a)
	}
}

func TestAnInstanceGoesWithItsFunction(t *testing.T) {
	p := harness.Shared(t)
	harness.Local(t, p)
	c := harness.SDK(t, p)
	f := probe(t, p, "", nil)
	old := harness.Decode(t, harness.Invoke(t, p, f, `{"do":"tell"}`, nil).Body)
	if _, err := c.UpdateFunction(&f, &sdk.UpdateFunctionRequest{Body: &sdk.UpdateFunctionInput{
		EnvironmentVariables: map[string]*string{"NEW": new("yes")},
	}}); err != nil {
		t.Fatal(err)
	}
	now := harness.Decode(t, harness.Invoke(t, p, f, `{"do":"tell"}`, nil).Body)
	if now.Env["NEW"] != "yes" || now.PID == old.PID {
		t.Errorf("after the update the instance is %d (was %d) and has NEW=%q", now.PID, old.PID, now.Env["NEW"])
	}
	harness.Eventually(t, "the instance of the old version is stopped", func() bool { return gone(old.PID) })
	if _, err := c.DeleteFunction(&f); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, "the instance of the deleted function is stopped", func() bool { return gone(now.PID) })
}

func gone(pid int) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	return os.IsNotExist(err)
}
