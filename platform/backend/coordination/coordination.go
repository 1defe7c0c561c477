// Package coordination is the contract of what the processes of an installation agree
// upon: who is there, who leads, and how far the metadata has changed. It keeps no data
// that could not be made again.
package coordination

import "context"

// Coordination is safe for concurrent use. Every method that waits ends with its ctx.
// fc.ErrUnavailable: the service cannot be reached within its time-out; try again.
type Coordination interface {
	// Announce says that a feed has reached revision. A smaller one than announced
	// before changes nothing.
	Announce(ctx context.Context, feed string, revision int64) error

	// Follow calls seen with the feed's revision, now if it has one and whenever it
	// grows, until ctx is done. It survives losses of connection; revisions in
	// between may be left out, the last one never is.
	Follow(ctx context.Context, feed string, seen func(revision int64)) error

	// Join makes m a member of group until leave is called, ctx is done or this
	// process dies (a lease ends then). A lost lease is taken up again by itself.
	Join(ctx context.Context, group string, m Member) (leave func(), err error)

	// Members calls seen with the members of group, sorted by ID, now and on every
	// change, until ctx is done.
	Members(ctx context.Context, group string, seen func([]Member)) error

	// Campaign waits until id leads the election. The leadership ends with Resign,
	// with ctx, or when the lease is lost: Lost is closed then.
	Campaign(ctx context.Context, election, id string) (Leadership, error)
}

// Member is one process of a group.
type Member struct {
	ID      string
	Address string // where its peers reach it; empty in one process
}

// Leadership is held by one id of an election at a time.
type Leadership interface {
	// Epoch is greater than that of every earlier leader.
	Epoch() int64
	Lost() <-chan struct{}
	Resign(ctx context.Context) error
}

// Service is a Coordination that was opened and has to be closed.
type Service interface {
	Coordination
	// Ping tells whether the service answers.
	Ping(ctx context.Context) error
	Close() error
}
