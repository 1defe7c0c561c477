package nodeagent

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/kit/httpx"
)

const (
	defaultPort  = 9000 // of a custom runtime that does not say
	firstPause   = 200 * time.Microsecond
	longestPause = 10 * time.Millisecond
	lookEvery    = 50 * time.Millisecond // for a server on its configured port
)

// awaitPort waits until the server of i accepts connections and returns the first one.
// The server should listen on the port it was given. One that insists on the port of
// its configuration is found there, as long as it is the only one of this node.
func (a *Agent) awaitPort(ctx context.Context, i *instance, given int) (net.Conn, error) {
	began := time.Now()
	own := ownPort(i.version)
	looked := began
	for pause := firstPause; ; pause = min(pause*5/4, longestPause) {
		if c := connect(given); c != nil {
			return c, nil
		}
		now := time.Now()
		if own != given && now.Sub(looked) >= lookEvery {
			if c := connectOwn(i, own); c != nil {
				return c, nil
			}
			looked = now
		}
		if now.Sub(began) > a.cfg.StartTimeout {
			return nil, notStarted(fmt.Sprintf("The function did not listen on port %d (127.0.0.1:%d was tried) within %v of its start",
				own, given, a.cfg.StartTimeout), i)
		}
		select {
		case <-i.box.Exited():
			return nil, exitedEarly(i)
		case <-ctx.Done():
			return nil, ctx.Err()
		default:
			a.pause(pause)
		}
	}
}

// pause sleeps. The runtime's timers are good to a millisecond when all is quiet; the
// one start that may be precise holds a thread for it instead.
func (a *Agent) pause(d time.Duration) {
	if d >= time.Millisecond {
		time.Sleep(d)
		return
	}
	select {
	case a.fine <- struct{}{}:
		sleepFine(d)
		<-a.fine
	default:
		time.Sleep(d)
	}
}

func ownPort(v *fc.Version) int {
	if v.Custom != nil && v.Custom.Port != 0 {
		return v.Custom.Port
	}
	return defaultPort
}

// connectOwn connects to the configured port if it is this instance that listens there.
func connectOwn(i *instance, port int) net.Conn {
	if !i.box.Listens(port) {
		return nil
	}
	return connect(port)
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

// serverDial connects to where first is connected to; first itself is used first.
func serverDial(first net.Conn) httpx.Dial {
	addr := first.RemoteAddr().String()
	var kept atomic.Pointer[net.Conn]
	kept.Store(&first)
	return func(ctx context.Context) (net.Conn, error) {
		if c := kept.Swap(nil); c != nil {
			return *c, nil
		}
		var d net.Dialer
		return d.DialContext(ctx, "tcp4", addr)
	}
}
