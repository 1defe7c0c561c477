//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A job is what one load process does: connections that each send the next request
// as soon as the answer to the last has come, for a time.
type job struct {
	Addr    string // 127.0.0.1:port
	Conns   int
	Warm    time.Duration // first so long without counting
	Time    time.Duration
	Request []byte  // the whole request; unused if Sign is set
	Body    []byte  // of request and answer
	Sign    *signer // every request is signed anew
	Tear    bool    // a wrong answer is counted and the connection replaced, instead of ending the job
}

// result is what came of a job.
type result struct {
	Requests int           // answered in Time
	All      int           // answered in Warm too
	Took     time.Duration // of Requests
	P50, P99 time.Duration
	Wrong    int           // answers that were not what they should be
	First    string        // the first of them
	CPU      time.Duration // that the load process itself used
}

func (r result) rate() float64 { return float64(r.Requests) / r.Took.Seconds() }

// run carries out j in a process of its own, so that its CPU time is nobody else's.
func (j job) run() (result, error) {
	self, err := os.Executable()
	if err != nil {
		return result{}, err
	}
	spec, err := json.Marshal(j)
	if err != nil {
		return result{}, err
	}
	cmd := exec.Command(self, "load")
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(spec), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return result{}, fmt.Errorf("load on %s: %w", j.Addr, err)
	}
	var r result
	if err := json.Unmarshal(out, &r); err != nil {
		return result{}, fmt.Errorf("load on %s: %w", j.Addr, err)
	}
	r.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if r.Wrong > 0 && !j.Tear {
		return result{}, fmt.Errorf("load on %s: %s", j.Addr, r.First)
	}
	return r, nil
}

// loadMain is the load process: a job on stdin, its result on stdout.
func loadMain(in io.Reader, out io.Writer) error {
	var j job
	if err := json.NewDecoder(in).Decode(&j); err != nil {
		return err
	}
	g, err := newGenerator(j)
	if err != nil {
		return err
	}
	debug.SetGCPercent(-1) // it allocates next to nothing from here on
	r, err := g.run()
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

// generator is a loop over one epoll set, on raw system calls: with a goroutine for
// each connection the scheduler would take more CPU than the requests.
type generator struct {
	job
	epoll   int
	conns   []conn
	ready   [][]byte // signed in advance
	buf     []byte
	samples []time.Duration
	wrong   int
	first   string
}

// conn is one connection. Its index is its name in the epoll set.
type conn struct {
	fd      int
	out     []byte // what is still to be sent
	waiting bool   // for room to send
	sent    time.Time
	in      answer
}

func newGenerator(j job) (*generator, error) {
	epoll, err := unix.EpollCreate1(0)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	g := &generator{job: j, epoll: epoll, buf: make([]byte, 256<<10), conns: make([]conn, j.Conns)}
	g.samples = make([]time.Duration, 0, 4<<20/64*int(max(1, (j.Time/time.Second))))
	if j.Sign != nil {
		for range int(40_000 * (j.Time + j.Warm).Seconds()) {
			g.ready = append(g.ready, j.Sign.next(j.Body))
		}
	}
	for i := range g.conns {
		if err := g.dial(i); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *generator) dial(i int) error {
	addr, err := net.ResolveTCPAddr("tcp4", g.Addr)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	to := &unix.SockaddrInet4{Port: addr.Port}
	copy(to.Addr[:], addr.IP.To4())
	if err := unix.Connect(fd, to); err != nil {
		return fmt.Errorf("connect to %s: %w", g.Addr, err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	g.conns[i] = conn{fd: fd, in: answer{want: g.Body}}
	return unix.EpollCtl(g.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)})
}

func (g *generator) run() (result, error) {
	start := time.Now()
	counted, end := start.Add(g.Warm), start.Add(g.Warm+g.Time)
	for i := range g.conns {
		if err := g.send(i, start); err != nil {
			return result{}, err
		}
	}
	events := make([]unix.EpollEvent, 128)
	var r result
	for now := start; now.Before(end); {
		n := wait(g.epoll, events)
		now = time.Now()
		for _, e := range events[:n] {
			done, err := g.step(int(e.Fd), e.Events, now)
			if err != nil {
				return result{}, err
			}
			if done > 0 {
				r.All++
				if now.After(counted) {
					g.samples = append(g.samples, done)
				}
			}
		}
	}
	slices.Sort(g.samples)
	r.Requests, r.Took, r.Wrong, r.First = len(g.samples), g.Time, g.wrong, g.first
	if r.Requests > 0 {
		r.P50, r.P99 = g.samples[r.Requests/2], g.samples[r.Requests*99/100]
	}
	return r, nil
}

// step does what the event allows. It returns how long the answer took that it completed.
func (g *generator) step(i int, events uint32, now time.Time) (time.Duration, error) {
	c := &g.conns[i]
	if events&unix.EPOLLOUT != 0 {
		if err := g.flush(i); err != nil {
			return 0, err
		}
	}
	if events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) == 0 {
		return 0, nil
	}
	n, errno := rawIO(unix.SYS_READ, c.fd, g.buf)
	if errno == unix.EAGAIN {
		return 0, nil
	}
	if errno != 0 || n == 0 {
		return 0, g.broken(i, fmt.Errorf("closed after %d bytes of the body (%v)", c.in.at, errno))
	}
	done, err := c.in.take(g.buf[:n])
	if err != nil {
		return 0, g.broken(i, err)
	}
	if !done {
		return 0, nil
	}
	c.in.reset()
	took := now.Sub(c.sent)
	return took, g.send(i, now)
}

// broken counts a wrong answer and replaces the connection.
func (g *generator) broken(i int, err error) error {
	g.wrong++
	if g.first == "" {
		g.first = err.Error()
	}
	if g.wrong > 1000 {
		return fmt.Errorf("more than a thousand wrong answers, the first: %s", g.first)
	}
	_ = unix.Close(g.conns[i].fd) // nothing more is expected of it
	if err := g.dial(i); err != nil {
		return err
	}
	return g.send(i, time.Now())
}

func (g *generator) send(i int, now time.Time) error {
	c := &g.conns[i]
	c.sent, c.out = now, g.Request
	if g.Sign != nil {
		c.out = g.signed()
	}
	return g.flush(i)
}

func (g *generator) signed() []byte {
	if len(g.ready) == 0 {
		return g.Sign.next(g.Body)
	}
	next := g.ready[len(g.ready)-1]
	g.ready = g.ready[:len(g.ready)-1]
	return next
}

// flush sends what it can and asks to be told when there is room for the rest.
func (g *generator) flush(i int) error {
	c := &g.conns[i]
	for len(c.out) > 0 {
		n, errno := rawIO(unix.SYS_WRITE, c.fd, c.out)
		if errno == unix.EAGAIN {
			break
		}
		if errno != 0 {
			return nil // the answer, or its absence, tells
		}
		c.out = c.out[n:]
	}
	if waiting := len(c.out) > 0; waiting != c.waiting {
		c.waiting = waiting
		e := &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}
		if waiting {
			e.Events |= unix.EPOLLOUT
		}
		return unix.EpollCtl(g.epoll, unix.EPOLL_CTL_MOD, c.fd, e)
	}
	return nil
}

// rawIO reads or writes without telling the scheduler: nothing else runs here.
func rawIO(trap uintptr, fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(trap, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(n), errno
}

// wait waits for events, at most a tenth of a second, without telling the scheduler.
func wait(epoll int, events []unix.EpollEvent) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 100, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}
