//go:build !linux

package process

import (
	"log/slog"
	"runtime"
	"syscall"
)

const (
	// reapLast: here the end of a process is seen by reaping it.
	reapLast = false
	// maxrssPerKiB is the unit of Rusage.Maxrss: bytes.
	maxrssPerKiB = 1024
)

// starter starts processes; only Linux knows mount namespaces.
type starter struct{ mounts bool }

func newStarter(mounts bool, log *slog.Logger) *starter {
	if mounts {
		log.Info("process driver shows no mounts inside sandboxes: only Linux can")
	}
	return &starter{}
}

func (s *starter) close() {}

func (s *starter) start(a attr) (proc, error) {
	path, err := lookPath(a.command[0], a.dir, a.env)
	if err != nil {
		return proc{}, err
	}
	fds := make([]uintptr, len(a.files))
	for i, f := range a.files {
		fds[i] = f.Fd()
	}
	pid, err := syscall.ForkExec(path, a.command, &syscall.ProcAttr{
		Dir: a.dir, Env: a.env, Files: fds, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	runtime.KeepAlive(a.files)
	if err != nil {
		return proc{}, startError(path, a.dir, err)
	}
	a.began(pid)
	return proc{pid: pid, pidfd: -1}, nil
}

func waitZombie(proc) {}

func peakKiB(int) int { return 0 }

func listens(int, int) bool { return true }
