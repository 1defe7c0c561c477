// Package view holds the metadata that calls need in memory and keeps it current: it
// follows the change feed, so that no call asks the database. Writing is left to those
// who change things; they call Sync afterwards to see, and publish, what they wrote.
package view

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fcstack/fcstack/platform/backend/coordination"
	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/fc"
)

// feed is the name of the change feed of metadata.
const feed = "metadata"

// sweepEvery is how often the change log itself is asked. It finds what a process
// committed but did not live to announce.
const sweepEvery = time.Second

// pageSize is how many changes are read at a time.
const pageSize = 500

// Deps is what a view works on.
type Deps struct {
	Store        metadata.Store
	Coordination coordination.Coordination
	Log          *slog.Logger
}

// View is the metadata as of Revision. Reading takes no lock.
type View struct {
	deps Deps

	functions sync.Map // functionKey → *fc.Version
	routes    sync.Map // subdomain → *fc.Trigger
	triggers  sync.Map // triggerKey → *fc.Trigger; finds the route of one that went
	keys      sync.Map // access key id → *fc.AccessKey

	mu       sync.Mutex // one catch-up at a time
	revision atomic.Int64
	loaded   atomic.Bool
	announce chan struct{} // a revision was reached that others should hear of
	watchers []func(account, function string)
}

type functionKey struct{ account, name string }

type triggerKey struct{ account, function, name string }

// New makes an empty view; Load fills it.
func New(deps Deps) *View {
	return &View{deps: deps, announce: make(chan struct{}, 1)}
}

// OnChange makes the view call changed after it took up a change of a function. It
// must be called before Load; changed must be quick.
func (v *View) OnChange(changed func(account, function string)) {
	v.watchers = append(v.watchers, changed)
}

// Run keeps the view current until ctx is done, loading it first if Load was not
// called. What fails is tried again: an old view serves calls, none does not.
func (v *View) Run(ctx context.Context) error {
	for !v.loaded.Load() {
		if err := v.Load(ctx); err != nil {
			v.deps.Log.Warn("metadata not loaded yet", "err", err)
			if !sleep(ctx, sweepEvery) {
				return nil
			}
		}
	}
	var wait sync.WaitGroup
	wait.Go(func() { v.follow(ctx) })
	wait.Go(func() { v.publish(ctx) })
	v.sweep(ctx)
	wait.Wait()
	return nil
}

// Loaded tells whether the view has been filled.
func (v *View) Loaded() bool { return v.loaded.Load() }

// Revision is the revision of the last change that the view has taken up.
func (v *View) Revision() int64 { return v.revision.Load() }

// Load reads everything there is.
func (v *View) Load(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	// The revision is read first: what changes meanwhile is taken up again by Sync.
	revision, err := v.deps.Store.Revision(ctx)
	if err != nil {
		return fmt.Errorf("load metadata: %w", err)
	}
	keys, err := v.deps.Store.ListAccessKeys(ctx, "")
	if err != nil {
		return fmt.Errorf("load access keys: %w", err)
	}
	functions, err := v.deps.Store.ListFunctions(ctx, metadata.Query{})
	if err != nil {
		return fmt.Errorf("load functions: %w", err)
	}
	triggers, err := v.deps.Store.ListTriggers(ctx, "", metadata.Query{})
	if err != nil {
		return fmt.Errorf("load triggers: %w", err)
	}
	for _, k := range keys {
		v.keys.Store(k.ID, k)
	}
	for _, f := range functions {
		v.putFunction(f)
	}
	for _, t := range triggers {
		v.putTrigger(t)
	}
	v.revision.Store(revision)
	v.loaded.Store(true)
	return nil
}

// Sync takes up every change that was committed before the call and has them
// announced to the other processes.
func (v *View) Sync(ctx context.Context) error {
	if err := v.catchUp(ctx); err != nil {
		return err
	}
	select {
	case v.announce <- struct{}{}:
	default: // one is due already; it will announce the newest revision
	}
	return nil
}

func (v *View) catchUp(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for {
		changes, err := v.deps.Store.ListChanges(ctx, v.revision.Load(), pageSize)
		if err != nil {
			return fmt.Errorf("read changes: %w", err)
		}
		for _, c := range changes {
			if err := v.apply(ctx, c); err != nil {
				return fmt.Errorf("take up change %d: %w", c.Revision, err)
			}
			v.revision.Store(c.Revision)
		}
		if len(changes) < pageSize {
			return nil
		}
	}
}

// apply takes up one change. It reads what is there now, which may be newer than the
// change; the later change is then taken up twice.
func (v *View) apply(ctx context.Context, c metadata.Change) error {
	switch c.Kind {
	case metadata.FunctionChanged:
		f, err := v.deps.Store.Function(ctx, c.Account, c.Function)
		switch {
		case errors.Is(err, fc.ErrNotFound):
			v.functions.Delete(functionKey{c.Account, c.Function})
		case err != nil:
			return err
		default:
			v.putFunction(f)
		}
		for _, changed := range v.watchers {
			changed(c.Account, c.Function)
		}
	case metadata.TriggerChanged:
		t, err := v.deps.Store.Trigger(ctx, c.Account, c.Function, c.Name)
		switch {
		case errors.Is(err, fc.ErrNotFound):
			v.dropTrigger(triggerKey{c.Account, c.Function, c.Name})
		case err != nil:
			return err
		default:
			v.putTrigger(t)
		}
	case metadata.AccessKeyChanged:
		k, err := v.deps.Store.AccessKey(ctx, c.Name)
		switch {
		case errors.Is(err, fc.ErrNotFound):
			v.keys.Delete(c.Name)
		case err != nil:
			return err
		default:
			v.keys.Store(k.ID, k)
		}
	}
	return nil
}

func (v *View) putFunction(f *fc.Function) {
	v.functions.Store(functionKey{f.Account, f.Name},
		&fc.Version{Function: *f, Version: fc.Latest, Qualifier: fc.Latest})
}

func (v *View) putTrigger(t *fc.Trigger) {
	key := triggerKey{t.Account, t.Function, t.Name}
	old, had := v.triggers.Swap(key, t)
	if had && old.(*fc.Trigger).Subdomain != t.Subdomain {
		v.routes.Delete(old.(*fc.Trigger).Subdomain)
	}
	if t.Subdomain != "" {
		v.routes.Store(t.Subdomain, t)
	}
}

func (v *View) dropTrigger(key triggerKey) {
	if old, had := v.triggers.LoadAndDelete(key); had {
		// The subdomain may belong to another trigger by now.
		v.routes.CompareAndDelete(old.(*fc.Trigger).Subdomain, old)
	}
}

// follow catches up whenever another process announces a revision.
func (v *View) follow(ctx context.Context) {
	for ctx.Err() == nil {
		err := v.deps.Coordination.Follow(ctx, feed, func(revision int64) {
			if revision <= v.revision.Load() {
				return
			}
			if err := v.catchUp(ctx); err != nil && ctx.Err() == nil {
				v.deps.Log.Warn("metadata is not current", "err", err)
			}
		})
		if err != nil && ctx.Err() == nil {
			v.deps.Log.Warn("change feed lost", "err", err)
			sleep(ctx, sweepEvery)
		}
	}
}

// publish announces the view's revision when Sync or the sweep asks for it.
func (v *View) publish(ctx context.Context) {
	var announced int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-v.announce:
		}
		revision := v.revision.Load()
		if revision <= announced {
			continue
		}
		if err := v.deps.Coordination.Announce(ctx, feed, revision); err != nil {
			if ctx.Err() == nil {
				v.deps.Log.Warn("change not announced", "revision", revision, "err", err)
			}
			continue // the sweep asks again
		}
		announced = revision
	}
}

func (v *View) sweep(ctx context.Context) {
	for sleep(ctx, sweepEvery) {
		if err := v.Sync(ctx); err != nil && ctx.Err() == nil {
			v.deps.Log.Warn("metadata is not current", "err", err)
		}
	}
}

// sleep waits for d and tells whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
