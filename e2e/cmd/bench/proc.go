//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// ticks of /proc are hundredths of a second on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// tree is pid and all its descendants.
func tree(pid int) []int {
	children := map[int][]int{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		p, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if f := stat(p); len(f) > 1 {
			parent, _ := strconv.Atoi(string(f[1]))
			children[parent] = append(children[parent], p)
		}
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// stat is the fields of /proc/PID/stat that follow the name; none if it has ended.
func stat(pid int) [][]byte {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	_, after, _ := bytes.Cut(raw, []byte(") "))
	return bytes.Fields(after)
}

// cpu is the CPU time, user and system, that processes have used so far.
func cpu(pids []int) time.Duration {
	var sum int
	for _, pid := range pids {
		if f := stat(pid); len(f) > 12 {
			user, _ := strconv.Atoi(string(f[11]))
			system, _ := strconv.Atoi(string(f[12]))
			sum += user + system
		}
	}
	return time.Duration(sum) * tick
}

// busy is the CPU time that everything on this machine has used so far.
func busy() time.Duration {
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := bytes.Cut(raw, []byte("\n"))
	var sum int
	for i, field := range bytes.Fields(line) {
		if n, err := strconv.Atoi(string(field)); err == nil && i != 4 && i != 5 && i < 9 { // neither idle nor waiting for a disk
			sum += n
		}
	}
	return time.Duration(sum) * tick
}

// resident is the resident memory of one process, in bytes.
func resident(pid int) (int64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	f := bytes.Fields(raw)
	if len(f) < 2 {
		return 0, fmt.Errorf("statm of %d is %q", pid, raw)
	}
	pages, err := strconv.ParseInt(string(f[1]), 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// server is a process that serves a listener it inherited from here.
type server struct {
	addr string
	cmd  *exec.Cmd
}

// serve starts a command whose descriptor 3 is a listener on a free port.
func serve(name string, args ...string) (*server, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := &server{addr: l.Addr().String(), cmd: exec.Command(name, args...)}
	s.cmd.Env = []string{"LISTEN_FDS=1", "PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	s.cmd.Stderr = os.Stderr
	s.cmd.ExtraFiles = []*os.File{f}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return s, nil
}

func (s *server) pid() int { return s.cmd.Process.Pid }

func (s *server) stop() {
	_ = s.cmd.Process.Kill() // it may have ended already
	_ = s.cmd.Wait()
}

// proxyMain is the yardstick: one stock ReverseProxy to another address, with nothing
// changed but the idle pool.
func proxyMain(to string) error {
	l, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return err
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: to})
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost, transport.DisableCompression = 0, 1024, true
	proxy.Transport = transport
	proxy.ErrorLog = nullLog()
	return http.Serve(l, proxy)
}

// once sends one request on a new connection and compares the answer's body.
func once(addr string, request, want []byte) error {
	c, err := net.Dial("tcp4", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write(request); err != nil {
		return err
	}
	a := answer{want: want}
	buf := make([]byte, 64<<10)
	for {
		n, err := c.Read(buf)
		if n > 0 {
			if done, err := a.take(buf[:n]); done || err != nil {
				return err
			}
		}
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
}
