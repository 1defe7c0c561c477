package faults

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"

	"github.com/fcstack/fcstack/e2e/harness"
)

// rounds is how often the platform is killed; FC_FAULT_ROUNDS says otherwise.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv("FC_FAULT_ROUNDS")); err == nil {
		return n
	}
	return 10
}

func TestAcknowledgedWritesSurviveAKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	bin := harness.Binary(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var writers []*writer
	for i := range 6 {
		writers = append(writers, newWriter(t, i, rand.New(rand.NewPCG(seed, uint64(i+1)))))
	}
	total := 0
	for round := range rounds() {
		p := harness.Start(t, harness.Options{Bin: bin, DataDir: dir})
		var g sync.WaitGroup
		killed := make(chan struct{})
		for _, w := range writers {
			g.Go(func() { w.write(t, p, killed) })
		}
		time.Sleep(time.Duration(random.IntN(500)) * time.Millisecond) // the moment is what varies
		close(killed)
		p.Kill()
		g.Wait()

		p = harness.Start(t, harness.Options{Bin: bin, DataDir: dir})
		acknowledged := 0
		for _, w := range writers {
			acknowledged += w.acknowledged
			w.check(t, p)
		}
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
		t.Logf("round %d: %d writes acknowledged so far", round, acknowledged)
		total = acknowledged
		if t.Failed() {
			return
		}
	}
	if total < rounds() {
		t.Errorf("only %d writes were acknowledged in %d rounds: the kills prove nothing", total, rounds())
	}
}

func TestInstancesOfAKilledPlatformDoNotLinger(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	p := harness.Start(t, harness.Options{DataDir: dir})
	harness.Local(t, p)
	in := harness.Probe(t)
	in.FunctionName = new("probe")
	if _, err := harness.SDK(t, p).CreateFunction(&sdk.CreateFunctionRequest{Body: in}); err != nil {
		t.Fatal(err)
	}
	if a := harness.Invoke(t, p, "probe", "before", nil); a.Body != "before" {
		t.Fatalf("answers %+v", a)
	}
	p.Kill()
	again := harness.Start(t, harness.Options{DataDir: dir})
	if a := harness.Invoke(t, again, "probe", "after", nil); a.Status != 200 || a.Body != "after" {
		t.Errorf("after the kill it answers %+v", a)
	}
	if err := again.Stop(); err != nil { // finds what the first one left, too
		t.Error(err)
	}
}
