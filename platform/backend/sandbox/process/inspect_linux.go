package process

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// reapLast: the end of a process can be seen before it is reaped.
	reapLast = true
	// maxrssPerKiB is the unit of Rusage.Maxrss.
	maxrssPerKiB = 1
)

// waitZombie returns once the process has ended; it is not reaped yet. With a pidfd the
// wait costs no thread.
func waitZombie(p proc) {
	if p.pidfd >= 0 {
		_ = unix.SetNonblock(p.pidfd, true) // so that the runtime polls it
		f := os.NewFile(uintptr(p.pidfd), "pidfd")
		defer f.Close()
		if rc, err := f.SyscallConn(); err == nil && rc.Read(func(uintptr) bool { return ended(p.pid, unix.WNOHANG) }) == nil {
			return
		}
	}
	ended(p.pid, 0)
}

// ended tells whether the process is a zombie. It is our child and not reaped, so the
// pid is its own.
func ended(pid, flag int) bool {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT|flag, nil)
		if !errors.Is(err, unix.EINTR) {
			return err != nil || info.Signo != 0
		}
	}
}

// peakKiB sums the peak memory of a process and its descendants.
func peakKiB(pid int) int {
	dir := "/proc/" + strconv.Itoa(pid)
	sum := statusKiB(dir+"/status", "VmHWM:")
	children, err := os.ReadFile(dir + "/task/" + strconv.Itoa(pid) + "/children")
	if err != nil {
		return sum // ended, or a kernel without this file
	}
	for _, c := range bytes.Fields(children) {
		if child, err := strconv.Atoi(string(c)); err == nil {
			sum += peakKiB(child)
		}
	}
	return sum
}

func statusKiB(file, field string) int {
	status, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, field); ok {
			n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(v), " kB"))
			return n
		}
	}
	return 0
}

// listens tells whether the process, or another one of its session, has a socket that
// listens on port.
func listens(pid, port int) bool {
	sockets := listeners("/proc/net/tcp", port, nil)
	sockets = listeners("/proc/net/tcp6", port, sockets)
	if len(sockets) == 0 {
		return false
	}
	if holds(pid, sockets) {
		return true
	}
	for _, other := range session(pid) {
		if holds(other, sockets) {
			return true
		}
	}
	return false
}

// listeners adds the links, as /proc/PID/fd shows them, of the sockets that listen on port.
func listeners(file string, port int, sockets map[string]bool) map[string]bool {
	table, err := os.ReadFile(file)
	if err != nil {
		return sockets
	}
	const listening = "0A"
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line) // sl local remote st queues timer retrnsmt uid timeout inode …
		if len(f) < 10 || f[3] != listening {
			continue
		}
		_, local, _ := strings.Cut(f[1], ":")
		if n, err := strconv.ParseInt(local, 16, 32); err == nil && int(n) == port {
			if sockets == nil {
				sockets = map[string]bool{}
			}
			sockets["socket:["+f[9]+"]"] = true
		}
	}
	return sockets
}

func holds(pid int, sockets map[string]bool) bool {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	fds, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, fd := range fds {
		if link, err := os.Readlink(dir + "/" + fd.Name()); err == nil && sockets[link] {
			return true
		}
	}
	return false
}

// session lists the other processes of the session that pid leads.
func session(pid int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		other, err := strconv.Atoi(e.Name())
		if err != nil || other == pid {
			continue
		}
		if sid, err := unix.Getsid(other); err == nil && sid == pid {
			pids = append(pids, other)
		}
	}
	return pids
}
