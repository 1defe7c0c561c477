package server

import (
	"time"
)

const (
	// tick is how often requests that run are looked at. One that is seen twice gets a
	// watcher: short requests, by far the most, never pay for one.
	tick = 10 * time.Millisecond
	// calm is how long nothing must have run before the scanner slows down.
	calm = 200 * time.Millisecond
	// effort bounds the scanner's share of the time to one part in so many.
	effort = 50
	// maxPause bounds what effort can do to requests on a busy machine.
	maxPause = 200 * time.Millisecond
)

// seen is what the scanner knows of a connection.
type seen struct {
	word    uint64
	at      time.Time // when word was seen first
	watched bool      // word's request has a watcher
}

// scan looks at all connections as long as there are any.
func (s *Server) scan(wake chan struct{}) {
	var conns []*conn
	var busyAt time.Time
	timer := time.NewTimer(tick)
	defer timer.Stop()
	for {
		s.mu.Lock()
		if len(s.conns) == 0 {
			s.scanning = false
			s.mu.Unlock()
			return
		}
		conns = append(conns[:0], s.conns...)
		s.mu.Unlock()

		now := time.Now()
		busy := false
		for _, c := range conns {
			busy = c.look(now) || busy
		}
		clear(conns)
		switch {
		case busy:
			busyAt = now
			s.slow.Store(false)
		case now.Sub(busyAt) > calm && !s.slow.Swap(true):
			continue // one look more: a request that began before the swap wakes nobody
		}
		pause := min(max(tick, effort*time.Since(now)), maxPause)
		if s.slow.Load() {
			pause = s.idlePause()
		}
		if pause > 0 {
			timer.Reset(pause)
		}
		select {
		case <-wake:
		case <-timer.C:
		}
	}
}

// idlePause is the scanner's step while no request runs; 0: until woken.
func (s *Server) idlePause() time.Duration {
	var limit time.Duration
	for _, l := range []time.Duration{s.ReadHeaderTimeout, s.IdleTimeout} {
		if l > 0 && (limit == 0 || l < limit) {
			limit = l
		}
	}
	if limit == 0 {
		return 0
	}
	return min(max(limit/8, tick/2), time.Second)
}

func (s *Server) wakeScanner() {
	s.slow.Store(false)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// look enforces the time limits of a connection and has a slow request watched. It tells
// whether it wants to look again soon.
func (c *conn) look(now time.Time) bool {
	word := c.word.Load()
	seen := &c.seen
	if word != seen.word || seen.at.IsZero() {
		seen.word, seen.at, seen.watched = word, now, false
		return phaseOf(word) == phaseActive
	}
	limit := c.srv.ReadHeaderTimeout
	switch phaseOf(word) {
	case phaseActive:
		if !seen.watched {
			seen.watched = c.startWatch(word)
		}
		return !seen.watched
	case phaseIdle:
		limit = c.srv.IdleTimeout
	}
	if limit > 0 && now.Sub(seen.at) >= limit {
		c.expire(word)
	}
	return false
}

// expire ends what the connection waits for, unless it has come.
func (c *conn) expire(word uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.word.Load() == word {
		c.expired = true
		_ = c.nc.SetReadDeadline(past)
	}
}

// startWatch has a request watched whose body has been read. true: it needs no more looks.
func (c *conn) startWatch(word uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.cur
	if c.word.Load() != word || x == nil || c.takenOver || c.watch != nil {
		return true
	}
	if !x.body.ended.Load() {
		return false
	}
	c.watch, c.unwatch = make(chan struct{}), false
	go c.watchFor(x, c.watch)
	return true
}

// watchFor waits for the next byte while x is being answered. The byte is kept for the
// next request; if there is none to come, x ends.
func (c *conn) watchFor(x *exchange, done chan struct{}) {
	defer close(done)
	n, err := c.nc.Read(c.in.byte[:])
	c.mu.Lock()
	c.in.hasByte = n == 1
	told := c.unwatch
	c.mu.Unlock()
	if err != nil && n == 0 && (!told || !isTimeout(err)) {
		x.ctx.cancel()
	}
}

// stopWatch tells the watcher to end and returns what to wait for then, without c.mu,
// which it needs. The caller resets the read deadline afterwards.
func (c *conn) stopWatch() chan struct{} {
	watch := c.watch
	if watch != nil {
		c.watch, c.unwatch = nil, true
		_ = c.nc.SetReadDeadline(past)
	}
	return watch
}
