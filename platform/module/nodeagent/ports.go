package nodeagent

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"

	"github.com/fcstack/fcstack/platform/fc"
)

// ports hands out TCP ports that no instance of this machine uses. A port that was
// given back is handed out again as late as can be.
type ports struct {
	first, last int

	mu   sync.Mutex
	next int
	used map[int]*port
}

// port is one that was handed out.
type port struct {
	number int
	claim  net.Listener // keeps other agents of this machine off it; nil where that cannot be
}

func newPorts(first, last int) *ports {
	return &ports{first: first, last: last, next: first + rand.IntN(last-first+1), used: make(map[int]*port)}
}

// take hands out a port that nobody listens on.
func (p *ports) take() (*port, error) {
	for range p.last - p.first + 1 {
		n, ok := p.candidate()
		if !ok {
			continue
		}
		claimed, err := claimPort(n)
		if err == nil {
			p.mu.Lock()
			p.used[n] = claimed
			p.mu.Unlock()
			return claimed, nil
		}
		p.give(&port{number: n})
	}
	return nil, fmt.Errorf("every port from %d to %d is in use: %w", p.first, p.last, fc.ErrUnavailable)
}

// candidate sets the next port aside, if no instance of ours has it.
func (p *ports) candidate() (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.next
	if p.next++; p.next > p.last {
		p.next = p.first
	}
	if _, taken := p.used[n]; taken {
		return 0, false
	}
	p.used[n] = nil
	return n, true
}

// give takes a port back.
func (p *ports) give(o *port) {
	if o.claim != nil {
		o.claim.Close()
	}
	p.mu.Lock()
	delete(p.used, o.number)
	p.mu.Unlock()
}

// claimPort makes sure that a port is free. Between this look and the function's own
// listening somebody else could take it; other agents are kept off by a name that only
// one process can have.
func claimPort(n int) (*port, error) {
	o := &port{number: n}
	if runtime.GOOS == "linux" {
		claim, err := net.Listen("unix", "@fcstack-port-"+strconv.Itoa(n))
		if err != nil {
			return nil, err
		}
		o.claim = claim
	}
	l, err := net.Listen("tcp", ":"+strconv.Itoa(n))
	if err == nil {
		return o, l.Close()
	}
	if o.claim != nil {
		err = errors.Join(err, o.claim.Close())
	}
	return nil, err
}

// ephemeralRange is where the system takes the ports of outgoing connections from.
func ephemeralRange() (first, last int, ok bool) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 0, 0, false
	}
	n, err := fmt.Sscan(string(text), &first, &last)
	return first, last, n == 2 && err == nil
}
