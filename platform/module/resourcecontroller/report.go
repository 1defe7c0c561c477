package resourcecontroller

import (
	"context"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// Report is of fc.Owner.
func (c *Controller) Report(_ context.Context, router string, used []fc.Usage) ([]fc.Slot, error) {
	kept := make([]fc.Slot, 0, len(used))
	now := time.Now()
	for i := range used {
		u := &used[i]
		f := c.known(name{u.Version.Account, u.Version.Function})
		if f == nil {
			continue
		}
		if l := f.fleets[u.Version]; l != nil {
			if s := c.report(f, l, router, u, now); s != nil {
				kept = append(kept, l.face(s))
			}
		}
		f.mu.Unlock()
	}
	return kept, nil
}

// report takes in one usage and returns the slot if it goes on. f is locked.
func (c *Controller) report(f *function, l *fleet, router string, u *fc.Usage, now time.Time) *slot {
	s := l.slots[u.Slot]
	if s == nil || s.router != router || now.After(s.until.Add(c.cfg.Grace)) {
		return nil
	}
	l.router(router, now)
	l.learn(s, u, now)
	switch {
	case u.Gone:
		// Stopping what has ended is harmless, and it ends what the router got wrong.
		c.stop(f, l, s.inst, "the node does not know it")
	case !u.Keep, l.old && u.InFlight == 0:
		l.end(s)
	case l.old:
		return nil // calls still run; the rest of its time is left to them
	case u.InFlight > 0 || l.queue.length == 0:
		s.until = now.Add(c.cfg.GrantFor)
		return s
	default:
		return s // it idles while others wait: not extended
	}
	c.turnover(f, l, now)
	return nil
}

// learn takes in what u says of the calls.
func (l *fleet) learn(s *slot, u *fc.Usage, now time.Time) {
	if u.Calls > 0 {
		l.service.add(u.Busy/time.Duration(u.Calls), u.Calls)
		l.calls = now
	}
	switch {
	case u.InFlight > 0:
		s.inst.used, l.used = now, now
	case u.LastCall.After(s.inst.used):
		s.inst.used = u.LastCall
		if s.inst.used.After(now) { // clocks differ
			s.inst.used = now
		}
		l.used = s.inst.used
	}
	switch {
	case u.InFlight == 0 || u.Calls > 0:
		s.stuck = time.Time{}
	case s.stuck.IsZero():
		s.stuck = now
	default:
		l.service.atLeast(now.Sub(s.stuck))
	}
}
