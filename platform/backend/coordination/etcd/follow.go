package etcd

import (
	"context"
	"fmt"
	"maps"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/fcstack/fcstack/platform/fc"
)

// pause between attempts while etcd does not answer.
const pause = 200 * time.Millisecond

// follow calls seen with the values under key, by key, now and after changes, until ctx
// is done. Changes that come together are seen together. When the connection or the
// history is lost, it reads again; seen must not keep or change the map.
func (s *Service) follow(ctx context.Context, key string, opts []clientv3.OpOption, seen func(map[string][]byte)) error {
	alive, cancel := s.alive(ctx)
	defer cancel()
	for lost := false; ; {
		err := s.followOnce(alive, key, opts, func(values map[string][]byte) {
			if lost {
				s.o.Log.Info("etcd answers again", "key", key)
				lost = false
			}
			seen(values)
		})
		switch {
		case ctx.Err() != nil:
			return nil
		case s.ctx.Err() != nil:
			return fmt.Errorf("follow %s: closed: %w", key, fc.ErrUnavailable)
		case err != nil && !lost:
			s.o.Log.Warn("etcd does not answer, trying on", "key", key, "err", err)
			lost = true
		}
		sleep(alive, pause)
	}
}

// followOnce follows until something breaks. A nil error means that the history was
// compacted away, which is no reason to complain.
func (s *Service) followOnce(ctx context.Context, key string, opts []clientv3.OpOption, seen func(map[string][]byte)) error {
	resp, err := s.get(ctx, key, opts...)
	if err != nil {
		return err
	}
	values := map[string][]byte{}
	for _, kv := range resp.Kvs {
		values[string(kv.Key)] = kv.Value
	}
	seen(values)
	// A server that lost its quorum ends the watch instead of keeping silent.
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	watch := s.client.Watch(ctx, key, append(opts, clientv3.WithRev(resp.Header.Revision+1))...)
	for change := range watch {
		if err := change.Err(); err != nil {
			if change.CompactRevision > 0 {
				return nil
			}
			return fmt.Errorf("watch %s: %w", key, err)
		}
		values = apply(values, change.Events)
		seen(values)
	}
	return fmt.Errorf("watch %s: ended", key)
}

func apply(values map[string][]byte, events []*clientv3.Event) map[string][]byte {
	values = maps.Clone(values)
	for _, e := range events {
		if e.Type == clientv3.EventTypeDelete {
			delete(values, string(e.Kv.Key))
		} else {
			values[string(e.Kv.Key)] = e.Kv.Value
		}
	}
	return values
}
