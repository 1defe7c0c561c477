package process

import (
	"log/slog"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// starters is how many threads start processes. The kernel and Go's fork lock leave
// little to gain beyond two.
const starters = 2

// starter owns the threads that start processes. They are kept for two reasons: the
// kernel kills a child when the thread that made it ends, so that thread must last; and
// a thread can step into a mount namespace of its own, start a child in it and step out
// again, which the rest of the platform never notices.
type starter struct {
	jobs   chan job
	wg     sync.WaitGroup
	log    *slog.Logger
	mounts bool
	points *points
}

type job struct {
	attr attr
	done chan<- started
}

type started struct {
	proc proc
	err  error
}

func newStarter(mounts bool, log *slog.Logger) *starter {
	s := &starter{jobs: make(chan job), log: log, points: newPoints()}
	if mounts {
		if err := probeMounts(s.points); err != nil {
			log.Info("process driver shows no mounts inside sandboxes", "err", err)
			s.points.close()
		} else {
			s.mounts = true
		}
	}
	for range starters {
		s.wg.Add(1)
		go onThread(s.run)
	}
	return s
}

func (s *starter) start(a attr) (proc, error) {
	if !s.mounts {
		a.mounts = nil
	}
	done := make(chan started, 1)
	s.jobs <- job{a, done}
	r := <-done
	return r.proc, r.err
}

// close ends the threads; nothing they started may run any more.
func (s *starter) close() {
	close(s.jobs)
	s.wg.Wait()
	s.points.close()
}

// onThread runs f on a thread that ends with it, because f leaves it in a state that is
// not the platform's. The main thread will not do: it stands for the process in /proc.
func onThread(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != os.Getpid() {
		f()
		return // locked, so the thread ends when the goroutine does
	}
	defer runtime.UnlockOSThread()
	done := make(chan struct{})
	go func() {
		defer close(done)
		onThread(f)
	}()
	<-done
}

// run starts processes until there are no more jobs.
func (s *starter) run() {
	defer s.wg.Done()
	home, err := enterable()
	if err != nil && s.mounts {
		s.log.Error("process driver: thread without mounts", "err", err)
	}
	defer home.Close()
	for j := range s.jobs {
		p, err := s.one(j.attr)
		if len(j.attr.mounts) == 0 {
			j.done <- started{p, err}
			continue
		}
		lost := leave(home)
		j.done <- started{p, err}
		if lost != nil {
			// What this thread started ends with it, but nothing else may run here.
			s.log.Error("process driver: thread replaced", "err", lost)
			s.wg.Add(1)
			go onThread(s.run)
			return
		}
	}
}

// one starts one process, in a mount namespace of its own if it has mounts.
func (s *starter) one(a attr) (proc, error) {
	if len(a.mounts) > 0 {
		if err := s.points.enter(a.mounts); err != nil {
			return proc{}, err
		}
	}
	return forkExec(a)
}

func forkExec(a attr) (proc, error) {
	path, err := lookPath(a.command[0], a.dir, a.env)
	if err != nil {
		return proc{}, err
	}
	fds := make([]uintptr, len(a.files))
	for i, f := range a.files {
		fds[i] = f.Fd()
	}
	p := proc{pidfd: -1, hasPeaks: true}
	var own unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &own) == nil {
		p.ownPeak = int(own.Maxrss)
	}
	p.pid, err = syscall.ForkExec(path, a.command, &syscall.ProcAttr{
		Dir:   a.dir,
		Env:   a.env,
		Files: fds,
		Sys:   &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL, PidFD: &p.pidfd},
	})
	runtime.KeepAlive(a.files)
	if err != nil {
		return proc{}, startError(path, a.dir, err)
	}
	a.began(p.pid)
	return p, nil
}
