package nodeagent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/fc/fctest"
)

// TestStorm lets callers come, leave, run out of time and break things while instances
// come and go. Whoever gets an answer must get their own, whole.
func TestStorm(t *testing.T) {
	a := openAgent(t, options{deps: func(d *Deps) { d.Bootstraps = inherits{t.TempDir()} }})
	var storm, answered atomic.Int64
	builtCode(t)
	deadline := time.Now().Add(60 * time.Second)
	enough := func() bool { return answered.Load() >= 400 || time.Now().After(deadline) }
	ids := []fc.InstanceID{"c-0", "c-1", "c-2", "c-3"}
	var wait sync.WaitGroup
	for n, id := range ids {
		v := custom(t, 4)
		if n%2 == 1 {
			v = builtin(t)
		}
		wait.Go(func() {
			for !enough() {
				if _, err := a.Start(t.Context(), id, v); err != nil && !errors.Is(err, fc.ErrExists) {
					t.Errorf("start: %v", err)
					return
				}
				time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
				if rand.IntN(2) == 0 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(20))*time.Millisecond)
					if err := a.Stop(ctx, id); err != nil {
						t.Errorf("stop: %v", err)
					}
					cancel()
				}
			}
		})
	}
	for range 12 {
		wait.Go(func() {
			for !enough() {
				n := storm.Add(1)
				if stormCall(t, a, ids[rand.IntN(len(ids))], n) {
					answered.Add(1)
				}
			}
		})
	}
	wait.Wait()
	if answered.Load() < 400 {
		t.Errorf("only %d of %d calls were answered", answered.Load(), storm.Load())
	}
	for _, id := range ids {
		if err := a.Stop(t.Context(), id); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	if n := a.table.size.Load(); n != 0 {
		t.Errorf("%d instances are left", n)
	}
}

// stormCall makes one call and tells whether it was answered as it should be.
func stormCall(t *testing.T, a *Agent, id fc.InstanceID, n int64) bool {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	text := fmt.Sprintf("%d %s", n, strings.Repeat("z", rand.IntN(100<<10)))
	switch rand.IntN(40) {
	case 0:
		text = "exit 1"
	case 1:
		text = "break"
	case 2:
		time.AfterFunc(time.Duration(rand.IntN(2000))*time.Microsecond, cancel)
	case 3:
		ctx, cancel = context.WithTimeout(ctx, time.Duration(rand.IntN(3000))*time.Microsecond)
		defer cancel()
	}
	in := fctest.Event(text)
	in.Tail = rand.IntN(10) == 0
	if rand.IntN(3) == 0 {
		in.Size = -1
	}
	out := &fctest.Answer{}
	err := a.Call(ctx, id, in, out)
	head, begun := out.Head()
	switch {
	case errors.Is(err, fc.ErrGone), errors.Is(err, fc.ErrSaturated):
		if begun {
			t.Errorf("%v after an answer", err)
		}
		time.Sleep(time.Millisecond)
	case err == nil && head.ErrorType == "":
		if out.Body() != text {
			t.Errorf("asked with %.20q of %d bytes, got %.20q of %d", text, len(text), out.Body(), len(out.Body()))
		}
		return true
	case err == nil && messageOf([]byte(out.Body())) == "":
		t.Errorf("head %+v, body %.200q", head, out.Body())
	case err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, fc.ErrAborted):
		t.Errorf("got %v", err)
	}
	return false
}
