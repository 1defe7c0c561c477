package nodeagent

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/fcstack/fcstack/platform/fc"
)

// table holds the instances of the node and tells watchers of them. Looking one up
// takes no lock.
type table struct {
	byID sync.Map // fc.InstanceID → *instance; those that are starting are nil
	size atomic.Int64
	used sync.WaitGroup // ids that are taken

	mu       sync.Mutex
	closed   bool
	shown    map[fc.InstanceID]fc.Instance // what watchers were told
	watchers map[*watcher]struct{}
}

type watcher struct{ seen func(fc.InstanceEvent) }

// reserve takes an id for an instance that is being started.
func (t *table) reserve(id fc.InstanceID) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed
	}
	if _, taken := t.byID.LoadOrStore(id, (*instance)(nil)); taken {
		return fc.ErrExists
	}
	t.size.Add(1)
	t.used.Add(1)
	return nil
}

// get finds an instance that was started; nil if there is none.
func (t *table) get(id fc.InstanceID) *instance {
	v, ok := t.byID.Load(id)
	if !ok {
		return nil
	}
	return v.(*instance)
}

// add makes a started instance known.
func (t *table) add(i *instance) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byID.Store(i.info.ID, i)
	if t.shown == nil {
		t.shown = make(map[fc.InstanceID]fc.Instance)
	}
	t.shown[i.info.ID] = i.info
	t.tell(fc.InstanceEvent{Instance: i.info})
}

// hide tells watchers that an instance is gone; once.
func (t *table) hide(id fc.InstanceID, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if info, ok := t.shown[id]; ok {
		delete(t.shown, id)
		t.tell(fc.InstanceEvent{Instance: info, Gone: true, Reason: reason})
	}
}

// remove frees an id. Nothing of the instance may be left.
func (t *table) remove(id fc.InstanceID) {
	t.byID.Delete(id)
	t.size.Add(-1)
	t.used.Done()
}

func (t *table) tell(e fc.InstanceEvent) {
	for w := range t.watchers {
		w.seen(e)
	}
}

func (t *table) watch(ctx context.Context, seen func(fc.InstanceEvent)) error {
	w := &watcher{seen: seen}
	t.mu.Lock()
	for _, info := range t.shown {
		seen(fc.InstanceEvent{Instance: info})
	}
	if t.watchers == nil {
		t.watchers = make(map[*watcher]struct{})
	}
	t.watchers[w] = struct{}{}
	t.mu.Unlock()

	<-ctx.Done()
	t.mu.Lock()
	delete(t.watchers, w)
	t.mu.Unlock()
	return ctx.Err()
}

// close admits no more instances and returns those there are.
func (t *table) close() []*instance {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	var all []*instance
	t.byID.Range(func(_, v any) bool {
		if i := v.(*instance); i != nil {
			all = append(all, i)
		}
		return true
	})
	return all
}
