package replay

import (
	"testing"
	"time"
)

func TestNoncesAreBounded(t *testing.T) {
	n := newGuard(shards * 100)
	start := time.Now()
	for i := range 100_000 {
		n.Fresh("k", time.Duration(i).String(), start.Add(time.Duration(i)*10*time.Millisecond))
	}
	total := 0
	for i := range n.shards {
		total += n.shards[i].count
	}
	if total > shards*101 {
		t.Errorf("%d nonces are held", total)
	}
	if n.Fresh("k", time.Duration(0).String(), start) {
		t.Error("a request as old as those forgotten was taken for new")
	}
	if !n.Fresh("k", "one more", start.Add(2000*time.Second)) {
		t.Error("a new request was refused")
	}
	n.Expire(start.Add(time.Hour))
	for i := range n.shards {
		if n.shards[i].count != 0 {
			t.Error("what is too old was not forgotten")
			break
		}
	}
}
