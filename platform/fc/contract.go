package fc

import "context"

// Owner grants slots of the functions it owns. The resource controller is one.
type Owner interface {
	// Acquire waits for at least one right to call w.Version and grants about
	// w.Slots, starting instances if need be. It waits until ctx is done.
	//   - ErrBusy: the function is at its limit and its queue is full.
	//   - ErrNoCapacity: no node has room.
	//   - ErrNotOwner: ask again where the membership says.
	//   - ErrStale: the version has been replaced; resolve again.
	//   - *Failure: the function does not come up.
	Acquire(ctx context.Context, w Want) ([]Slot, error)

	// Report tells the use of slots. Those with Keep are extended and come back with
	// their new Until; the others are given back. Slots that the owner does not know
	// are left out of the answer and must not be used again. Repeating it is harmless.
	Report(ctx context.Context, router string, used []Usage) ([]Slot, error)
}

// Capacity leases room on nodes to owners. The resource manager is one.
type Capacity interface {
	// Lease grants between one and r.Count leases, spread over the nodes of the pool.
	//   - ErrNoCapacity: the pool or the account's quota is used up.
	Lease(ctx context.Context, r LeaseRequest) ([]Lease, error)

	// Renew extends leases and returns those that still stand.
	Renew(ctx context.Context, owner string, ids []string) ([]Lease, error)

	// Release gives leases back. Unknown ones are ignored.
	Release(ctx context.Context, owner string, ids []string) error
}

// Inventory knows the nodes. The resource manager is one.
type Inventory interface {
	// Heartbeat registers a node or confirms that it lives. Agents repeat it.
	Heartbeat(ctx context.Context, n NodeInfo) error

	// Nodes lists the live nodes of a pool; "" means all.
	Nodes(ctx context.Context, pool string) ([]NodeInfo, error)
}

// Node runs instances. The node agent is one.
type Node interface {
	// Start brings up an instance under the given id and returns once it can take
	// calls, its initializer done. *Failure: it did not come up, and nothing of it
	// is left. Any other error is the node's.
	Start(ctx context.Context, id InstanceID, v *Version) (Instance, error)

	// Stop ends an instance: no new calls, running ones end (bounded by their
	// timeout and ctx), PreStop hook, then the process goes. Unknown: nil.
	Stop(ctx context.Context, id InstanceID) error

	// Call runs one call and returns once its answer was written to out. The
	// function's own failures are answers, not errors; ctx carries the deadline, and
	// when it passes the answer is the function's timeout.
	//   - ErrGone, ErrSaturated: not begun, nothing of in.Body was read.
	//   - ErrAborted: the answer broke off after Begin.
	//   - ErrBadResponse: the function's answer broke the rules, before Begin.
	//   - context.Canceled: the caller went away.
	Call(ctx context.Context, id InstanceID, in *Invocation, out ResultWriter) error

	// Watch calls seen for every instance there is, then for every one that comes or
	// ends, until ctx is done. seen must be quick.
	Watch(ctx context.Context, seen func(InstanceEvent)) error
}
