package ports

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"
)

const (
	firstPause   = 200 * time.Microsecond
	longestPause = 10 * time.Millisecond
	lookEvery    = 50 * time.Millisecond // for a server on its own port
)

// The ways in which a server does not come up.
var (
	ErrLate   = errors.New("nobody listens on the port in time")
	ErrExited = errors.New("the process ended before it listened")
)

// Wait is for a server that should listen on the port it was given. One that insists on
// a port of its own is found there, if it is this process that has it.
type Wait struct {
	Given   int
	Own     int
	Exited  <-chan struct{}
	Listens func(port int) bool // tells whether the process listens there; may be dear
	Within  time.Duration
}

// Await waits until the server accepts connections and returns the first one.
func (p *Pool) Await(ctx context.Context, w Wait) (net.Conn, error) {
	began := time.Now()
	looked := began
	for pause := firstPause; ; pause = min(pause*5/4, longestPause) {
		if c := connect(w.Given); c != nil {
			return c, nil
		}
		now := time.Now()
		if w.Own != w.Given && now.Sub(looked) >= lookEvery {
			looked = now
			if w.Listens(w.Own) {
				if c := connect(w.Own); c != nil {
					return c, nil
				}
			}
		}
		if now.Sub(began) > w.Within {
			return nil, ErrLate
		}
		select {
		case <-w.Exited:
			return nil, ErrExited
		case <-ctx.Done():
			return nil, ctx.Err()
		default:
			p.pause(pause)
		}
	}
}

// pause sleeps. The runtime's timers are good to a millisecond when all is quiet; the
// one start that may be precise holds a thread for it instead.
func (p *Pool) pause(d time.Duration) {
	if d >= time.Millisecond {
		time.Sleep(d)
		return
	}
	select {
	case p.fine <- struct{}{}:
		sleepFine(d)
		<-p.fine
	default:
		time.Sleep(d)
	}
}

// connect tries once; nil if nobody listens.
func connect(port int) net.Conn {
	c, err := net.DialTimeout("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second)
	if err != nil {
		return nil
	}
	if c.LocalAddr().String() == c.RemoteAddr().String() {
		c.Close() // it met itself
		return nil
	}
	return c
}
