package etcd

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/fcstack/fcstack/platform/backend/coordination"
)

// Join puts the member under a lease and keeps the lease alive.
func (s *Service) Join(ctx context.Context, group string, m coordination.Member) (func(), error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("etcd: join %s: %w", group, err)
	}
	key := prefix + "group/" + group + "/" + m.ID
	ctx, cancel := context.WithCancel(ctx)
	lease, err := s.enter(ctx, key, string(raw))
	if err != nil {
		cancel()
		return nil, unavailable("join "+group, err)
	}
	var wait sync.WaitGroup
	wait.Go(func() { s.stay(ctx, key, string(raw), lease) })
	return func() { cancel(); wait.Wait() }, nil
}

func (s *Service) enter(ctx context.Context, key, value string) (clientv3.LeaseID, error) {
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	lease, err := s.client.Grant(ctx, int64(leaseTTL/time.Second))
	if err != nil {
		return 0, err
	}
	_, err = s.client.Put(ctx, key, value, clientv3.WithLease(lease.ID))
	return lease.ID, err
}

// stay keeps the lease alive, takes a new one when it is lost, and gives it back in
// the end.
func (s *Service) stay(ctx context.Context, key, value string, lease clientv3.LeaseID) {
	for ctx.Err() == nil {
		if alive, err := s.client.KeepAlive(ctx, lease); err == nil {
			for range alive { //nolint:revive // the answers tell nothing, their end does
			}
		}
		for ctx.Err() == nil {
			s.log.Warn("membership lost, joining again", "key", key)
			fresh, err := s.enter(ctx, key, value)
			if err == nil {
				lease = fresh
				break
			}
			pause(ctx, retryAfter)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if _, err := s.client.Revoke(last, lease); err != nil {
		s.log.Debug("membership ends with its lease", "key", key, "err", err)
	}
}

// Members watches a group.
func (s *Service) Members(ctx context.Context, group string, seen func([]coordination.Member)) error {
	s.watch(ctx, prefix+"group/"+group+"/", func(got *clientv3.GetResponse) error {
		members := make([]coordination.Member, 0, len(got.Kvs))
		for _, kv := range got.Kvs {
			var m coordination.Member
			if err := json.Unmarshal(kv.Value, &m); err != nil {
				return fmt.Errorf("member %s: %w", kv.Key, err)
			}
			members = append(members, m)
		}
		slices.SortFunc(members, func(a, b coordination.Member) int { return strings.Compare(a.ID, b.ID) })
		seen(members)
		return nil
	})
	return nil
}
