// Package ports hands out the TCP ports that functions listen on and waits until they do.
// Which function gets one, and what it means when it never listens, is left to the agent.
package ports

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

// Pool hands out TCP ports that no instance of this machine uses. A port that was given
// back is handed out again as late as can be.
type Pool struct {
	first, last int
	fine        chan struct{} // held by the wait that polls finely

	mu   sync.Mutex
	next int
	used map[int]*Port
}

// Port is one that was handed out.
type Port struct {
	Number int
	claim  int // socket that keeps other agents of this machine off it; -1: none
}

func (o *Port) release() {
	if o.claim >= 0 {
		_ = syscall.Close(o.claim) // nothing was written to it
	}
}

// New makes a pool of the ports from first to last.
func New(first, last int) *Pool {
	return &Pool{first: first, last: last, fine: make(chan struct{}, 1), next: first + rand.IntN(last-first+1), used: make(map[int]*Port)}
}

// Take hands out a port that nobody listens on. fc.ErrUnavailable: there is none.
func (p *Pool) Take() (*Port, error) {
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
func (p *Pool) candidate() (int, bool) {
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

func (p *Pool) free(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.used, n)
}

// Give takes a port back.
func (p *Pool) Give(o *Port) {
	o.release()
	p.free(o.Number)
}

// claimPort makes sure that a port is free. Between this look and the function's own
// listening somebody else could take it; other agents are kept off by a name that only
// one process can have.
func claimPort(n int) (*Port, error) {
	o := &Port{Number: n, claim: -1}
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

// InUse counts the ports that were handed out.
func (p *Pool) InUse() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.used)
}

// Ephemeral is the range that the system takes the ports of outgoing connections from.
func Ephemeral() (first, last int, ok bool) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 0, 0, false
	}
	n, err := fmt.Sscan(string(text), &first, &last)
	return first, last, n == 2 && err == nil
}
