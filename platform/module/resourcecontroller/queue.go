package resourcecontroller

import (
	"container/list"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// waiter is one Acquire that waits.
type waiter struct {
	router string
	want   int
	seq    uint64 // order of arrival at the function
	since  time.Time
	done   chan answer // has room for the one answer it gets

	line *line
	at   *list.Element // nil: not in the queue (any more)
}

type answer struct {
	slots []fc.Slot
	err   error
}

// queue holds those who wait for one version: first come first served within a router,
// routers in turn.
type queue struct {
	lines  []*line
	next   int // whose turn it is
	length int
	wanted int // rights, summed
}

type line struct {
	router  string
	waiters list.List
}

func (q *queue) push(w *waiter) {
	l := q.line(w.router)
	w.line, w.at = l, l.waiters.PushBack(w)
	q.length++
	q.wanted += w.want
}

func (q *queue) line(router string) *line {
	for _, l := range q.lines {
		if l.router == router {
			return l
		}
	}
	l := &line{router: router}
	q.lines = append(q.lines, l)
	return l
}

// pop takes out who is next; the queue must not be empty.
func (q *queue) pop() *waiter {
	l := q.lines[q.next]
	w := l.waiters.Front().Value.(*waiter)
	q.next++ // remove corrects it if the line goes away
	q.remove(w)
	q.wrap()
	return w
}

// remove takes out w; false: it was not in the queue.
func (q *queue) remove(w *waiter) bool {
	if w.at == nil {
		return false
	}
	w.line.waiters.Remove(w.at)
	w.at = nil
	q.length--
	q.wanted -= w.want
	if w.line.waiters.Len() == 0 {
		q.drop(w.line)
	}
	return true
}

func (q *queue) drop(gone *line) {
	for i, l := range q.lines {
		if l != gone {
			continue
		}
		q.lines = append(q.lines[:i], q.lines[i+1:]...)
		if i < q.next {
			q.next--
		}
		break
	}
	q.wrap()
}

func (q *queue) wrap() {
	if q.next >= len(q.lines) {
		q.next = 0
	}
}

// upTo takes out all that came no later than seq.
func (q *queue) upTo(seq uint64) []*waiter {
	return q.takeWhile(func(w *waiter) bool { return w.seq <= seq })
}

// before takes out all that came before t.
func (q *queue) before(t time.Time) []*waiter {
	return q.takeWhile(func(w *waiter) bool { return w.since.Before(t) })
}

// takeWhile takes waiters off the front of every line as long as they fit.
func (q *queue) takeWhile(fit func(*waiter) bool) []*waiter {
	var out []*waiter
	for i := len(q.lines) - 1; i >= 0; i-- {
		for l := q.lines[i]; l.waiters.Len() > 0; {
			w := l.waiters.Front().Value.(*waiter)
			if !fit(w) {
				break
			}
			q.remove(w)
			out = append(out, w)
		}
	}
	return out
}

// overdue counts those of the routers that helpless picks who came before t.
func (q *queue) overdue(t time.Time, helpless func(router string) bool) int {
	n := 0
	for _, l := range q.lines {
		if !helpless(l.router) {
			continue
		}
		for e := l.waiters.Front(); e != nil && e.Value.(*waiter).since.Before(t); e = e.Next() {
			n++
		}
	}
	return n
}
