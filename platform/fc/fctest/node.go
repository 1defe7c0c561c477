// Package fctest has one suite for each contract of fc, and small doubles of what those
// who use a contract need around them. It leaves starting real processes to the agent.
package fctest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// Node is an fc.Node whose instances exist in memory alone. It keeps to the contract:
// unknown instances are gone, and nobody gets more than an instance's concurrency.
type Node struct {
	ID fc.NodeID

	mu       sync.Mutex
	script   func(nth int, v *fc.Version) (time.Duration, error)
	answer   func(ctx context.Context, in *fc.Invocation, out fc.ResultWriter) error
	all      map[fc.InstanceID]*copyOf
	watchers map[*watcher]bool
	starts   int
	stops    int
}

type copyOf struct {
	fc.Instance
	running int
}

type watcher struct {
	events []fc.InstanceEvent
	wake   chan struct{}
}

// NewNode makes a Node that starts instances at once and answers calls with their body.
func NewNode(id fc.NodeID) *Node {
	return &Node{ID: id, answer: echo, all: map[fc.InstanceID]*copyOf{}, watchers: map[*watcher]bool{}}
}

func echo(_ context.Context, in *fc.Invocation, out fc.ResultWriter) error {
	var body io.Reader = strings.NewReader("")
	if in.Body != nil {
		body = in.Body
	}
	out.Begin(fc.Head{Status: 200, Size: in.Size})
	_, err := io.Copy(out, body)
	return err
}

// Script decides how long the nth start (from 1) takes and how it ends.
func (n *Node) Script(how func(nth int, v *fc.Version) (took time.Duration, err error)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.script = how
}

// Answer decides what calls do.
func (n *Node) Answer(how func(context.Context, *fc.Invocation, fc.ResultWriter) error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answer = how
}

// Start is of fc.Node.
func (n *Node) Start(ctx context.Context, id fc.InstanceID, v *fc.Version) (fc.Instance, error) {
	n.mu.Lock()
	n.starts++
	nth, script := n.starts, n.script
	n.mu.Unlock()
	began := time.Now()
	if script != nil {
		took, err := script(nth, v)
		if !sleep(ctx, took) {
			return fc.Instance{}, ctx.Err()
		}
		if err != nil {
			return fc.Instance{}, err
		}
	}
	return n.Add(id, v, time.Since(began)), nil
}

// Add puts an instance there without a start, as if it had been there before.
func (n *Node) Add(id fc.InstanceID, v *fc.Version, took time.Duration) fc.Instance {
	in := fc.Instance{
		ID: id, Version: v.Ref(), Node: n.ID, Concurrency: max(v.Concurrency, 1),
		MemoryMB: v.MemoryMB, Started: time.Now(), StartTook: took,
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all[id] = &copyOf{Instance: in}
	n.tell(fc.InstanceEvent{Instance: in})
	return in
}

// Stop is of fc.Node.
func (n *Node) Stop(_ context.Context, id fc.InstanceID) error {
	if n.Exit(id, "stopped") {
		n.mu.Lock()
		n.stops++
		n.mu.Unlock()
	}
	return nil
}

// Exit ends an instance by itself; false: it is not there.
func (n *Node) Exit(id fc.InstanceID, reason string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	i := n.all[id]
	if i == nil {
		return false
	}
	delete(n.all, id)
	n.tell(fc.InstanceEvent{Instance: i.Instance, Gone: true, Reason: reason})
	return true
}

// Call is of fc.Node.
func (n *Node) Call(ctx context.Context, id fc.InstanceID, in *fc.Invocation, out fc.ResultWriter) error {
	n.mu.Lock()
	i, answer := n.all[id], n.answer
	switch {
	case i == nil:
		n.mu.Unlock()
		return fmt.Errorf("call %s: %w", id, fc.ErrGone)
	case i.running >= i.Concurrency:
		n.mu.Unlock()
		return fmt.Errorf("call %s: %w", id, fc.ErrSaturated)
	}
	i.running++
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		i.running--
	}()
	return answer(ctx, in, out)
}

// Watch is of fc.Node.
func (n *Node) Watch(ctx context.Context, seen func(fc.InstanceEvent)) error {
	w := &watcher{wake: make(chan struct{}, 1)}
	n.mu.Lock()
	for _, i := range n.all {
		w.events = append(w.events, fc.InstanceEvent{Instance: i.Instance})
	}
	n.watchers[w] = true
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.watchers, w)
	}()
	for {
		n.mu.Lock()
		events := w.events
		w.events = nil
		n.mu.Unlock()
		for _, ev := range events {
			seen(ev)
		}
		if len(events) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		}
	}
}

func (n *Node) tell(ev fc.InstanceEvent) {
	for w := range n.watchers {
		w.events = append(w.events, ev)
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// Instances lists what runs, in order of the ids.
func (n *Node) Instances() []fc.InstanceID {
	n.mu.Lock()
	defer n.mu.Unlock()
	ids := make([]fc.InstanceID, 0, len(n.all))
	for id := range n.all {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Counts tells how often Start was called and how many instances Stop ended.
func (n *Node) Counts() (starts, stops int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.starts, n.stops
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
