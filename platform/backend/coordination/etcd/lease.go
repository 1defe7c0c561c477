package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/fcstack/fcstack/platform/fc"
)

// errLeaseLost says that a lease ended before what was to be held under it was held.
var errLeaseLost = fmt.Errorf("lease was lost: %w", fc.ErrUnavailable)

// lease is a lease of etcd that is being renewed.
//
// lost is closed before etcd ends the lease: time is counted from before a renewal was
// sent, while etcd counts from when it came. So what is held under it has been let go
// when another one gets it.
type lease struct {
	id   clientv3.LeaseID
	lost chan struct{}
	end  context.CancelFunc // closes lost, then gives the lease back
	done chan struct{}      // closed when that was tried
	err  error              // of giving it back; valid once done is closed
}

// lease takes a lease and renews it until ctx or s ends, or it is lost.
func (s *Service) lease(ctx context.Context) (*lease, error) {
	sent := time.Now()
	bounded, cancel, err := s.within(ctx)
	if err != nil {
		return nil, s.failed(ctx, "take a lease", err)
	}
	defer cancel()
	granted, err := s.client.Grant(bounded, int64((s.o.TTL+time.Second-1)/time.Second))
	if err != nil {
		return nil, s.failed(ctx, "take a lease", err)
	}
	ctx, end := s.alive(ctx)
	l := &lease{id: granted.ID, lost: make(chan struct{}), end: end, done: make(chan struct{})}
	ok := s.spawn(func() {
		defer close(l.done)
		defer end()
		ttl := time.Duration(granted.TTL) * time.Second
		gone := s.renew(ctx, l.id, ttl, sent.Add(ttl))
		close(l.lost)
		if !gone {
			l.err = s.revoke(ctx, l.id)
		}
	})
	if !ok {
		end()
		return nil, fmt.Errorf("closed: %w", fc.ErrUnavailable)
	}
	return l, nil
}

// renew returns when the lease is over or ctx is done; gone says that etcd knows it no more.
func (s *Service) renew(ctx context.Context, id clientv3.LeaseID, ttl time.Duration, until time.Time) (gone bool) {
	wait := ttl / 3
	for {
		sleep(ctx, min(wait, time.Until(until)))
		if ctx.Err() != nil || !time.Now().Before(until) {
			return false
		}
		// One attempt may hang on a server that is gone; leave time for another.
		attempt, cancel := context.WithTimeout(ctx, min(ttl/3, time.Until(until)))
		sent, err := s.renewOnce(attempt, id)
		cancel()
		switch {
		case err == nil:
			until, wait = sent.Add(ttl), ttl/3
		case errors.Is(err, rpctypes.ErrLeaseNotFound):
			return true
		default:
			wait = pause
		}
	}
}

// renewOnce renews the lease and tells when it began to. It asks something else first:
// without a connection, that question waits between its attempts, while a renewal would
// try again and again without a pause.
func (s *Service) renewOnce(ctx context.Context, id clientv3.LeaseID) (sent time.Time, err error) {
	if err := s.Ping(ctx); err != nil {
		return sent, err
	}
	sent = time.Now()
	_, err = s.client.KeepAliveOnce(ctx, id)
	return sent, err
}

// revoke gives the lease back, so that nobody has to wait for its end. It is tried even
// though ctx is done.
func (s *Service) revoke(ctx context.Context, id clientv3.LeaseID) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.Timeout)
	defer cancel()
	_, err := s.client.Revoke(ctx, id)
	if err != nil && !errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return fmt.Errorf("give back a lease: %w: %v", fc.ErrUnavailable, err) //nolint:errorlint // a deadline of ours is not the caller's
	}
	return nil
}

// over gives the lease back and waits until that was tried.
func (l *lease) over() {
	l.end()
	<-l.done
}
