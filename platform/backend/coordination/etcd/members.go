package etcd

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/fcstack/fcstack/platform/backend/coordination"
	"github.com/fcstack/fcstack/platform/fc"
)

// Join makes m a member of group. The latest of two members with one ID counts.
func (s *Service) Join(ctx context.Context, group string, m coordination.Member) (leave func(), err error) {
	if group == "" || m.ID == "" {
		return nil, fmt.Errorf("group and member need names: %w", fc.ErrInvalid)
	}
	value, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	key := s.key("members", group, m.ID)
	ctx, end := s.alive(ctx)
	l, err := s.enter(ctx, key, string(value))
	if err != nil {
		end()
		return nil, fmt.Errorf("join %s: %w", group, err)
	}
	done := make(chan struct{})
	ok := s.spawn(func() {
		defer close(done)
		defer end()
		s.stay(ctx, key, string(value), l)
	})
	if !ok {
		end()
		return nil, fmt.Errorf("join %s: closed: %w", group, fc.ErrUnavailable)
	}
	return func() { end(); <-done }, nil
}

// enter writes the member under a lease of its own.
func (s *Service) enter(ctx context.Context, key, value string) (*lease, error) {
	l, err := s.lease(ctx)
	if err != nil {
		return nil, err
	}
	if _, err = s.txn(ctx, nil, clientv3.OpPut(key, value, clientv3.WithLease(l.id))); err != nil {
		l.over()
		return nil, err
	}
	return l, nil
}

// stay enters again whenever the lease was lost, until ctx is done.
func (s *Service) stay(ctx context.Context, key, value string, l *lease) {
	for {
		<-l.lost // also when ctx is done
		if ctx.Err() != nil {
			l.over()
			return
		}
		var err error
		for l, err = s.enter(ctx, key, value); err != nil; l, err = s.enter(ctx, key, value) {
			if sleep(ctx, pause); ctx.Err() != nil {
				return
			}
		}
		s.o.Log.Warn("membership was lost and taken up again", "key", key)
	}
}

// Members calls seen with the members of group, now and on every change.
func (s *Service) Members(ctx context.Context, group string, seen func([]coordination.Member)) error {
	var last []coordination.Member
	begun := false
	prefix := s.key("members", group) + "/"
	return s.follow(ctx, prefix, []clientv3.OpOption{clientv3.WithPrefix()}, func(values map[string][]byte) {
		members := s.members(values)
		if !begun || !slices.Equal(members, last) {
			last, begun = members, true
			seen(slices.Clone(members))
		}
	})
}

func (s *Service) members(values map[string][]byte) []coordination.Member {
	members := make([]coordination.Member, 0, len(values))
	for key, value := range values {
		var m coordination.Member
		if err := json.Unmarshal(value, &m); err != nil {
			s.o.Log.Warn("member cannot be read and is left out", "key", key, "err", err)
			continue
		}
		members = append(members, m)
	}
	slices.SortFunc(members, func(a, b coordination.Member) int { return cmp.Compare(a.ID, b.ID) })
	return members
}
