package etcd

import (
	"context"
	"time"

	"go.etcd.io/etcd/client/v3/concurrency"

	"github.com/fcstack/fcstack/platform/backend/coordination"
)

// Campaign waits in the line of an election.
func (s *Service) Campaign(ctx context.Context, election, id string) (coordination.Leadership, error) {
	session, err := concurrency.NewSession(s.client, concurrency.WithTTL(int(leaseTTL/time.Second)), concurrency.WithContext(ctx))
	if err != nil {
		return nil, unavailable("campaign for "+election, err)
	}
	e := concurrency.NewElection(session, prefix+"election/"+election)
	if err := e.Campaign(ctx, id); err != nil {
		session.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, unavailable("campaign for "+election, err)
	}
	return &leadership{session: session, election: e}, nil
}

type leadership struct {
	session  *concurrency.Session
	election *concurrency.Election
}

// Epoch is the revision at which the leader took its place, which only grows.
func (l *leadership) Epoch() int64          { return l.election.Rev() }
func (l *leadership) Lost() <-chan struct{} { return l.session.Done() }

// Resign steps down; whoever is next leads at once.
func (l *leadership) Resign(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	err := l.election.Resign(ctx)
	if e := l.session.Close(); err == nil {
		err = e
	}
	return unavailable("resign", err)
}
