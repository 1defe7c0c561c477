package etcd

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/fcstack/fcstack/platform/backend/coordination"
	"github.com/fcstack/fcstack/platform/fc"
)

// Campaign waits until id leads the election. Candidates lead in the order in which
// they came.
func (s *Service) Campaign(ctx context.Context, election, id string) (coordination.Leadership, error) {
	if election == "" || id == "" {
		return nil, fmt.Errorf("election and candidate need names: %w", fc.ErrInvalid)
	}
	for {
		l, err := s.lease(ctx)
		if err != nil {
			return nil, fmt.Errorf("campaign for %s: %w", election, err)
		}
		epoch, err := s.queue(ctx, election, id, l)
		if err == nil {
			return &leadership{epoch: epoch, lease: l}, nil
		}
		l.over()
		if !errors.Is(err, errLeaseLost) {
			return nil, fmt.Errorf("campaign for %s: %w", election, err)
		}
	}
}

// queue stands in line under the lease until all that came before are gone, and returns
// the epoch: the revision at which the candidate came, which only grows.
func (s *Service) queue(ctx context.Context, election, id string, l *lease) (int64, error) {
	line := s.key("elections", election) + "/"
	own := line + strconv.FormatInt(int64(l.id), 16)
	came, err := s.txn(ctx, nil, clientv3.OpPut(own, id, clientv3.WithLease(l.id)))
	if err != nil {
		return 0, err
	}
	epoch := came.Header.Revision
	for {
		// Both are read at one revision: leading needs to be first and to be there.
		still := clientv3.Compare(clientv3.CreateRevision(own), "=", epoch)
		before := append(clientv3.WithLastCreate(), clientv3.WithMaxCreateRev(epoch-1))
		resp, err := s.txn(ctx, []clientv3.Cmp{still}, clientv3.OpGet(line, before...))
		if err != nil {
			return 0, err
		}
		if !resp.Succeeded {
			return 0, errLeaseLost
		}
		ahead := resp.Responses[0].GetResponseRange().Kvs
		if len(ahead) == 0 {
			return epoch, nil
		}
		if err := s.waitFor(ctx, string(ahead[0].Key), resp.Header.Revision, l); err != nil {
			return 0, err
		}
	}
}

// waitFor returns nil once something has happened to key after revision, or once the
// watch broke and it is time to look again.
func (s *Service) waitFor(ctx context.Context, key string, revision int64, l *lease) error {
	watching, cancel := s.alive(clientv3.WithRequireLeader(ctx))
	defer cancel()
	watch := s.client.Watch(watching, key, clientv3.WithRev(revision+1))
	select {
	case change, ok := <-watch:
		if !ok || change.Err() != nil {
			sleep(watching, pause)
		}
	case <-l.lost:
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.ctx.Err() != nil:
		return fmt.Errorf("closed: %w", fc.ErrUnavailable)
	}
	return nil
}

type leadership struct {
	epoch int64
	lease *lease
}

func (l *leadership) Epoch() int64          { return l.epoch }
func (l *leadership) Lost() <-chan struct{} { return l.lease.lost }

// Resign ends the leadership. If etcd cannot be told, the lease ends by itself.
func (l *leadership) Resign(ctx context.Context) error {
	l.lease.end()
	select {
	case <-l.lease.done:
		return l.lease.err
	case <-ctx.Done():
		return ctx.Err()
	}
}
