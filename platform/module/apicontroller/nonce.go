package apicontroller

import (
	"hash/maphash"
	"sync"
	"time"
)

const (
	// maxSkew is how far a request's date may be from the server's clock.
	maxSkew = 15 * time.Minute

	// maxNonces bounds the memory for replay checks, about 16 bytes each.
	maxNonces = 1 << 22

	nonceShards = 64
	nonceSpan   = 30 * time.Second // of dates in one bucket
)

// nonces remembers the signed requests of the last minutes, so that none is served
// twice by this process. When it is full it forgets the oldest and refuses requests
// dated as early as those: memory stays bounded and no replay slips through.
type nonces struct {
	seed   maphash.Seed
	limit  int // in one shard
	shards [nonceShards]nonceShard
}

type nonceShard struct {
	mu      sync.Mutex
	count   int
	floor   int64 // buckets up to this one are forgotten
	buckets map[int64]map[uint64]struct{}
}

func newNonces(limit int) *nonces {
	n := &nonces{seed: maphash.MakeSeed(), limit: max(limit/nonceShards, 1)}
	for i := range n.shards {
		n.shards[i].buckets = make(map[int64]map[uint64]struct{})
	}
	return n
}

// fresh notes a nonce of an access key and tells whether it was new.
func (n *nonces) fresh(key, nonce string, date time.Time) bool {
	var h maphash.Hash
	h.SetSeed(n.seed)
	h.WriteString(key)
	h.WriteByte(0)
	h.WriteString(nonce)
	sum := h.Sum64()

	s := &n.shards[sum%nonceShards]
	bucket := date.UnixNano() / int64(nonceSpan)
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
	if s.count++; s.count > n.limit {
		s.forgetOldest()
	}
	return true
}

// forgetOldest drops the bucket with the oldest dates.
func (s *nonceShard) forgetOldest() {
	oldest, found := int64(0), false
	for bucket := range s.buckets {
		if !found || bucket < oldest {
			oldest, found = bucket, true
		}
	}
	s.forget(oldest)
}

func (s *nonceShard) forget(bucket int64) {
	s.count -= len(s.buckets[bucket])
	s.floor = max(s.floor, bucket)
	delete(s.buckets, bucket)
}

// expire drops what is too old to pass the check of its date.
func (n *nonces) expire(now time.Time) {
	last := now.Add(-maxSkew).UnixNano()/int64(nonceSpan) - 1
	for i := range n.shards {
		s := &n.shards[i]
		s.mu.Lock()
		for bucket := range s.buckets {
			if bucket <= last {
				s.forget(bucket)
			}
		}
		s.mu.Unlock()
	}
}
