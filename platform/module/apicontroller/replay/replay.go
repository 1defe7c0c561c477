// Package replay remembers signed requests, so that none is served twice. Whether a
// request is signed rightly and how old it may be is left to its caller.
package replay

import (
	"hash/maphash"
	"sync"
	"time"
)

const (
	// maxNonces bounds the memory, about 16 bytes for each.
	maxNonces = 1 << 22

	shards = 64
	span   = 30 * time.Second // of dates in one bucket
)

// Guard remembers the requests of the last minutes that this process has seen. When it
// is full it forgets the oldest and refuses requests dated as early as those: memory
// stays bounded and no replay slips through.
type Guard struct {
	seed   maphash.Seed
	limit  int // in one shard
	shards [shards]shard
}

type shard struct {
	mu      sync.Mutex
	count   int
	floor   int64 // buckets up to this one are forgotten
	buckets map[int64]map[uint64]struct{}
}

// New makes an empty Guard.
func New() *Guard { return newGuard(maxNonces) }

func newGuard(limit int) *Guard {
	g := &Guard{seed: maphash.MakeSeed(), limit: max(limit/shards, 1)}
	for i := range g.shards {
		g.shards[i].buckets = make(map[int64]map[uint64]struct{})
	}
	return g
}

// Fresh notes a nonce of an access key and tells whether it was new.
func (g *Guard) Fresh(key, nonce string, date time.Time) bool {
	var h maphash.Hash
	h.SetSeed(g.seed)
	h.WriteString(key)
	h.WriteByte(0)
	h.WriteString(nonce)
	sum := h.Sum64()

	s := &g.shards[sum%shards]
	bucket := date.UnixNano() / int64(span)
	s.mu.Lock()
	defer s.mu.Unlock()
	if bucket <= s.floor {
		return false
	}
	b := s.buckets[bucket]
	if _, seen := b[sum]; seen {
		return false
	}
	if b == nil {
		b = make(map[uint64]struct{})
		s.buckets[bucket] = b
	}
	b[sum] = struct{}{}
	if s.count++; s.count > g.limit {
		s.forgetOldest()
	}
	return true
}

// forgetOldest drops the bucket with the oldest dates.
func (s *shard) forgetOldest() {
	oldest, found := int64(0), false
	for bucket := range s.buckets {
		if !found || bucket < oldest {
			oldest, found = bucket, true
		}
	}
	s.forget(oldest)
}

func (s *shard) forget(bucket int64) {
	s.count -= len(s.buckets[bucket])
	s.floor = max(s.floor, bucket)
	delete(s.buckets, bucket)
}

// Expire drops what is dated before oldest: it is refused by its date already.
func (g *Guard) Expire(oldest time.Time) {
	last := oldest.UnixNano()/int64(span) - 1
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		for bucket := range s.buckets {
			if bucket <= last {
				s.forget(bucket)
			}
		}
		s.mu.Unlock()
	}
}
