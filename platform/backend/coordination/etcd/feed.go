package etcd

import (
	"context"
	"fmt"
	"strconv"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Announce raises the feed to revision, if it is not there yet.
func (s *Service) Announce(ctx context.Context, feed string, revision int64) error {
	key := s.key("feeds", feed)
	for {
		resp, err := s.get(ctx, key)
		if err != nil {
			return err
		}
		known := int64(0)
		if len(resp.Kvs) > 0 {
			if revision <= announced(resp.Kvs[0].Value) {
				return nil
			}
			known = resp.Kvs[0].ModRevision
		}
		unchanged := clientv3.Compare(clientv3.ModRevision(key), "=", known)
		put := clientv3.OpPut(key, strconv.FormatInt(revision, 10))
		done, err := s.txn(ctx, []clientv3.Cmp{unchanged}, put)
		if err != nil {
			return fmt.Errorf("announce %d of %s: %w", revision, feed, err)
		}
		if done.Succeeded {
			return nil
		}
	}
}

// announced is the revision that value says; 0 if it says none.
func announced(value []byte) int64 {
	revision, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return 0
	}
	return revision
}

// Follow calls seen with the feed's revision whenever it grows.
func (s *Service) Follow(ctx context.Context, feed string, seen func(revision int64)) error {
	last, begun := int64(0), false
	return s.follow(ctx, s.key("feeds", feed), nil, func(values map[string][]byte) {
		for _, v := range values {
			if revision := announced(v); !begun || revision > last {
				last, begun = revision, true
				seen(revision)
			}
		}
	})
}
