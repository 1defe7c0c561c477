package nodeagent

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"

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
	claim  int // socket that keeps other agents of this machine off it; -1: none
}

func (o *port) release() {
	if o.claim >= 0 {
		_ = syscall.Close(o.claim) // nothing was written to it
	}
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
		p.free(n)
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

func (p *ports) free(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.used, n)
}

// give takes a port back.
func (p *ports) give(o *port) {
	o.release()
	p.free(o.number)
}

// claimPort makes sure that a port is free. Between this look and the function's own
// listening somebody else could take it; other agents are kept off by a name that only
// one process can have.
func claimPort(n int) (*port, error) {
	o := &port{number: n, claim: -1}
	if runtime.GOOS == "linux" {
		fd, err := bound(syscall.AF_UNIX, &syscall.SockaddrUnix{Name: "@fcstack-port-" + strconv.Itoa(n)})
		if err != nil {
			return nil, err
		}
		o.claim = fd
	}
	fd, err := bound(syscall.AF_INET, &syscall.SockaddrInet4{Port: n})
	if err != nil {
		o.release()
		return nil, err
	}
	return o, syscall.Close(fd)
}

// bound is a socket with a name, which others can have only after it is closed. Raw
// system calls, because this is on the path of a cold call.
func bound(family int, name syscall.Sockaddr) (int, error) {
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if family == syscall.AF_INET {
		err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	}
	if err == nil {
		err = syscall.Bind(fd, name)
	}
	if err != nil {
		return -1, errors.Join(os.NewSyscallError("bind", err), syscall.Close(fd))
	}
	return fd, nil
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
