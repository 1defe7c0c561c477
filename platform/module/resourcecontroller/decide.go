package resourcecontroller

import (
	"math"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// demand is what scale decides upon: one version and those who wait for it.
// Whoever waits does so because no right is free.
type demand struct {
	Waiting     int // rights wanted by those who wait
	Overdue     int // of them, who wait longer than a start takes and have no right to go on with
	Running     int // instances that take calls
	Starting    int // instances on their way
	Concurrency int // calls one instance runs at a time
	Room        int // instances that may be added
	Parallel    int // starts allowed at a time

	Service time.Duration // of one call; 0: not known
	Start   time.Duration // of one instance; 0: not known

	Learning bool // the first calls run; how long they take will be known in a moment
	Failing  bool // the last start did not come up
	Held     bool // starts are to be left alone for a while, unless nothing is up
	Blocked  bool // and even then
}

// scale says how many instances to start now.
func scale(d demand) int {
	if d.Waiting == 0 || d.Blocked {
		return 0
	}
	up := d.Running + d.Starting
	if up == 0 {
		// Somebody has to try, whatever the limits; a version that fails is
		// tried one instance at a time.
		if d.Failing {
			return 1
		}
		return max(1, min(d.instances(), d.Room, d.Parallel))
	}
	if d.Held || d.Learning || d.Failing && d.Starting > 0 {
		return 0
	}
	n := min(d.instances(), d.Room, d.Parallel-d.Starting)
	if d.Failing {
		n = min(n, 1)
	}
	return max(n, 0)
}

func (d demand) instances() int {
	return int(math.Ceil(d.rights() / float64(d.Concurrency)))
}

// rights is how many more are needed. As long as nothing is known of the calls, one
// for every waiting call. After that only as many as pay off: what is left once the
// instances at hand have worked for the time of a start, and of that what it takes to
// serve it within the time of another (Little's law).
func (d demand) rights() float64 {
	waiting, coming := float64(d.Waiting), float64(d.Starting*d.Concurrency)
	if d.Service <= 0 || d.Start <= 0 {
		return waiting - coming
	}
	here := float64(d.Running * d.Concurrency)
	calls := float64(d.Start) / float64(d.Service) // one right serves in the time of a start
	left := waiting - here*calls
	need := min(left-coming, left/calls-here-coming)
	return max(need, float64(d.Overdue)-coming)
}

// share is how many rights of an instance go to one who asks for asked of them when
// nobody else waits: at least those, and in bulk up to a fair part.
func share(asked, concurrency, routers int) int {
	part := (concurrency + routers - 1) / max(routers, 1)
	return max(asked, part, 1)
}

// choose picks the instance to grant from: the fullest that has a right left, so that
// the others can become idle, and of equals the one used last. nil: none has.
func choose(all []*instance) *instance {
	var best *instance
	for _, i := range all {
		switch {
		case i.free() <= 0:
		case best == nil, i.granted > best.granted,
			i.granted == best.granted && i.used.After(best.used):
			best = i
		}
	}
	return best
}

// standing is what is known of a node when a spare lease is picked.
type standing struct {
	Instances int // of this owner, any function
	Siblings  int // of the same version in the same zone
	Avoid     bool
}

// pick says which of the spare leases to use, or -1. A node that has the code wins over
// all others; if there is such a node but no spare on it, asking for a lease costs less
// than fetching the code again, so nothing is picked unless must is set.
func pick(spare []fc.Lease, prefer []fc.NodeID, know func(fc.NodeID) standing, must bool) int {
	best, bestRank := -1, math.Inf(1)
	for i, l := range spare {
		s := know(l.Node)
		rank := float64(s.Instances) + float64(s.Siblings)/1000
		if !contains(prefer, l.Node) {
			if len(prefer) > 0 && !must {
				continue
			}
			rank += 1e6
		}
		if s.Avoid {
			if !must {
				continue
			}
			rank += 1e9
		}
		if rank < bestRank {
			best, bestRank = i, rank
		}
	}
	return best
}

func contains(nodes []fc.NodeID, n fc.NodeID) bool {
	for _, m := range nodes {
		if m == n {
			return true
		}
	}
	return false
}

// isIdle says whether an instance has outlived its use.
func isIdle(granted int, used time.Time, keep time.Duration, now time.Time) bool {
	return granted == 0 && now.Sub(used) > keep
}

// backoff is how long starts rest after so many failures in a row.
func backoff(failures int) time.Duration {
	const first, most = 100 * time.Millisecond, 30 * time.Second
	return min(first<<min(max(failures-1, 0), 10), most)
}

// average follows a duration, recent samples counting more.
type average struct{ value time.Duration } // 0: no sample yet

// add takes in n samples with the given mean.
func (a *average) add(mean time.Duration, n int) {
	mean = max(mean, time.Microsecond)
	if a.value == 0 {
		a.value = mean
		return
	}
	old := math.Pow(0.8, float64(n))
	a.value = time.Duration(old*float64(a.value) + (1-old)*float64(mean))
}

// atLeast takes in that something lasts d already.
func (a *average) atLeast(d time.Duration) { a.value = max(a.value, d) }
