package nodeagent

import (
	"context"
	"sync"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// The reasons that watchers see.
const (
	reasonStopped   = "stopped"
	reasonExited    = "exited"
	reasonTimedOut  = "timed out"
	reasonCanceled  = "canceled"
	reasonUnhealthy = "unhealthy"
)

// Stop ends an instance; see fc.Node.
func (a *Agent) Stop(ctx context.Context, id fc.InstanceID) error {
	i := a.table.get(id)
	if i == nil {
		return nil
	}
	a.retire(i, ending{reason: reasonStopped, graceful: true})
	select {
	case <-i.ended:
		return nil
	case <-ctx.Done():
		i.hurry()
		<-i.ended
		return nil
	}
}

// stopAll admits no more instances and ends those there are, by ctx's end at the latest.
func (a *Agent) stopAll(ctx context.Context) {
	a.end()
	var stops sync.WaitGroup
	for _, i := range a.table.close() {
		stops.Go(func() { _ = a.Stop(ctx, i.info.ID) })
	}
	stops.Wait()
	a.table.used.Wait()
}

// retire takes an instance out of use for good. It does not wait. If it is being
// retired already, that stands.
func (a *Agent) retire(i *instance, e ending) {
	if i.gate.shut() {
		i.ending = e
		close(i.retired)
	}
}

// tend waits for the end of an instance and carries it out.
func (a *Agent) tend(i *instance) {
	id := i.info.ID
	select {
	case <-i.box.Exited():
		a.retire(i, ending{reason: reasonExited})
		<-i.retired
	case <-i.retired:
	}
	if i.ending.reason != reasonStopped {
		// Whoever places instances must know at once; the rest may take a while.
		a.table.hide(id, i.ending.reason)
	}
	if i.ending.graceful {
		a.shutDown(i)
	}
	_ = i.box.Kill() // what has ended already is fine
	<-i.box.Exited()
	i.release()
	a.table.hide(id, i.ending.reason)
	a.log.Info("instance ended", "function", i.info.Version.String(), "instance", string(id),
		"reason", i.ending.reason, "exit", i.box.Exit().Code, "signal", i.box.Exit().Signal, "took", time.Since(i.info.Started).Round(time.Millisecond))
	a.table.remove(id)
	close(i.ended)
}

// shutDown lets the calls of an instance end, runs its PreStop hook and asks the
// process to go. It ends early if there is no time left or the process is gone.
func (a *Agent) shutDown(i *instance) {
	if !i.drained() {
		return
	}
	a.preStop(i)
	if i.box.Terminate() != nil {
		return
	}
	grace := time.NewTimer(a.cfg.StopGrace)
	defer grace.Stop()
	select {
	case <-i.box.Exited():
	case <-i.life.Done():
	case <-grace.C:
	}
}

// drained waits for the calls that still run. Each has a deadline of its own; the bound
// here is for one that does not heed it.
func (i *instance) drained() bool {
	bound := time.NewTimer(i.version.Timeout + time.Second)
	defer bound.Stop()
	select {
	case <-i.gate.empty:
		return true
	case <-i.box.Exited():
	case <-i.life.Done():
	case <-bound.C:
		return true
	}
	return false
}

// preStop runs the hook, if there is one. Its failure changes nothing.
func (a *Agent) preStop(i *instance) {
	h := i.version.PreStop
	if h == nil {
		return
	}
	if err := a.runHook(i.life, i, preStopHook, h); err != nil {
		a.log.Warn("pre-stop hook failed", "function", i.info.Version.String(), "instance", string(i.info.ID), "err", err)
	}
}

// expire is for an instance one of whose calls ran out of time. What serves one call at
// a time cannot be stopped but by its process; others are let finish.
func (a *Agent) expire(i *instance) {
	a.retire(i, ending{reason: reasonTimedOut, graceful: !i.sole})
}

// abandon is for an instance whose caller went away. A handler of a built-in runtime or
// of go1 would run on unseen, so its process goes; a server notices by itself.
func (a *Agent) abandon(i *instance) {
	if k := i.version.Runtime.Kind(); k == fc.Builtin || k == fc.GoBinary {
		a.retire(i, ending{reason: reasonCanceled})
	}
}
