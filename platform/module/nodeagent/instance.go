package nodeagent

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/fcstack/fcstack/platform/backend/sandbox"
	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/module/nodeagent/logs"
)

// instance is one running copy of a version. Calls come in through gate and reach the
// process through link; tend is the one goroutine that brings it to its end.
type instance struct {
	info    fc.Instance
	version *fc.Version
	gate    *gate
	sole    bool // one call at a time
	box     sandbox.Sandbox
	link    link
	log     *logs.Log
	code    string            // directory of the code on this node
	tmp     string            // its temporary directory on this node
	env     map[string]string // of its kind, besides what all have
	served  atomic.Bool       // it has answered a call

	interpreter string // of a built-in runtime, with its version

	memoryMB atomic.Int64 // as of memoryAt
	memoryAt atomic.Int64 // unix nanoseconds

	life    context.Context // done when its end must not wait any more
	hurry   context.CancelFunc
	retired chan struct{} // closed when it takes no more calls
	ending  ending        // valid once retired
	ended   chan struct{} // closed when nothing of it is left
	cleanup []func()      // in reverse, once the process is gone
}

// ending says why an instance ends and whether its calls may end first.
type ending struct {
	reason   string
	graceful bool
}

func (a *Agent) newInstance(id fc.InstanceID, v *fc.Version) *instance {
	limit := max(1, v.Concurrency)
	if k := v.Runtime.Kind(); k == fc.Builtin || k == fc.GoBinary {
		limit = 1
	}
	i := &instance{
		info: fc.Instance{
			ID: id, Version: v.Ref(), Node: a.cfg.ID, Concurrency: limit, MemoryMB: v.MemoryMB, Started: time.Now(),
		},
		version: v,
		gate:    newGate(limit),
		sole:    limit == 1,
		retired: make(chan struct{}),
		ended:   make(chan struct{}),
	}
	i.life, i.hurry = context.WithCancel(context.Background())
	i.log = logs.New(i.sole, a.sink(i.info))
	return i
}

// sink names the instance to whoever keeps the lines.
func (a *Agent) sink(info fc.Instance) logs.Sink {
	keep := a.deps.Logs
	if keep == nil {
		return nil
	}
	return func(request string, text []byte) {
		keep(LogLine{Instance: info.ID, Version: info.Version, Request: request, Text: text})
	}
}

// later does something once the process is gone.
func (i *instance) later(f func()) { i.cleanup = append(i.cleanup, f) }

// release takes apart what is left when the process is gone, or was never there.
func (i *instance) release() {
	if i.link != nil {
		i.link.close()
	}
	i.log.Stop(drainLog)
	for n := len(i.cleanup) - 1; n >= 0; n-- {
		i.cleanup[n]()
	}
	i.hurry()
}

// drainLog is how long the last lines of a process that is gone are waited for.
const drainLog = 100 * time.Millisecond

// memory is the most memory the instance has used, no older than a second: asking is
// dear compared with a call.
func (i *instance) memory(now time.Time) int {
	const fresh = int64(time.Second)
	at := i.memoryAt.Load()
	if n := now.UnixNano(); n-at > fresh && i.memoryAt.CompareAndSwap(at, n) {
		i.memoryMB.Store(int64(i.box.MemoryMB()))
	}
	return int(i.memoryMB.Load())
}

// exitedWithin tells whether the process has ended, and waits a little for it.
func (i *instance) exitedWithin(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-i.box.Exited():
		return true
	case <-t.C:
		return false
	}
}
