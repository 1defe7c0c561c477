package etcd

import (
	"context"
	"fmt"
	"strconv"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Announce stores the revision unless a greater one is there.
func (s *Service) Announce(ctx context.Context, feed string, revision int64) error {
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	key := prefix + "feed/" + feed
	// etcd compares values as text, so all have the same number of digits.
	value := fmt.Sprintf("%020d", revision)
	_, err := s.client.Txn(ctx).
		If(clientv3.Compare(clientv3.Value(key), ">", value)).
		Else(clientv3.OpPut(key, value)).
		Commit()
	return unavailable("announce", err)
}

// Follow reads the revision and then watches it.
func (s *Service) Follow(ctx context.Context, feed string, seen func(int64)) error {
	var last int64 = -1
	s.watch(ctx, prefix+"feed/"+feed, func(got *clientv3.GetResponse) error {
		for _, kv := range got.Kvs {
			revision, err := strconv.ParseInt(string(kv.Value), 10, 64)
			if err != nil {
				return fmt.Errorf("feed %s holds %q: %w", feed, kv.Value, err)
			}
			if revision > last {
				last = revision
				seen(revision)
			}
		}
		return nil
	})
	return nil
}

// watch calls changed with what is there below a key, now and after every change,
// until ctx is done. Several changes at once are one call.
func (s *Service) watch(ctx context.Context, key string, changed func(*clientv3.GetResponse) error) {
	for {
		if err := s.watchOnce(ctx, key, changed); err != nil && ctx.Err() == nil {
			s.log.Debug("watch is taken up again", "key", key, "err", err)
		}
		if !pause(ctx, retryAfter) {
			return
		}
	}
}

func (s *Service) watchOnce(ctx context.Context, key string, changed func(*clientv3.GetResponse) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	got, err := s.get(ctx, key)
	if err != nil {
		return err
	}
	if err := changed(got); err != nil {
		return err
	}
	events := s.client.Watch(clientv3.WithRequireLeader(ctx), key, clientv3.WithPrefix(), clientv3.WithRev(got.Header.Revision+1))
	for event := range events {
		if err := event.Err(); err != nil {
			return err
		}
		if got, err = s.get(ctx, key); err != nil {
			return err
		}
		if err := changed(got); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *Service) get(ctx context.Context, key string) (*clientv3.GetResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	return s.client.Get(ctx, key, clientv3.WithPrefix())
}
