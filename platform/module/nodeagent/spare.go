package nodeagent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	spareCount = 32
	spareCalm  = 10 * time.Millisecond // starts go before the refilling
	spareRetry = time.Second
)

// spares are things made ahead, because making them in a file system takes as long as
// starting a process.
type spares[T any] struct {
	make  func() (T, error)
	drop  func(T)
	ready chan T
	low   chan struct{} // one was taken
}

func newSpares[T any](create func() (T, error), drop func(T)) *spares[T] {
	return &spares[T]{make: create, drop: drop, ready: make(chan T, spareCount), low: make(chan struct{}, 1)}
}

// take gives one that is ready, or makes one.
func (s *spares[T]) take() (T, error) {
	select {
	case s.low <- struct{}{}:
	default:
	}
	select {
	case x := <-s.ready:
		return x, nil
	default:
		return s.make()
	}
}

// keep makes them until ctx is done and then drops those that are left.
func (s *spares[T]) keep(ctx context.Context) {
	defer s.empty()
	for {
		pause := spareCalm
		if err := s.fill(ctx); err != nil {
			pause = spareRetry // whoever takes one is told why
		} else {
			select {
			case <-s.low:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

func (s *spares[T]) fill(ctx context.Context) error {
	for ctx.Err() == nil && len(s.ready) < cap(s.ready) {
		x, err := s.make()
		if err != nil {
			return err
		}
		s.ready <- x
	}
	return nil
}

func (s *spares[T]) empty() {
	for {
		select {
		case x := <-s.ready:
			s.drop(x)
		default:
			return
		}
	}
}

// serial names spares.
type serial struct{ n atomic.Int64 }

func (s *serial) in(dir string) string {
	return filepath.Join(dir, strconv.FormatInt(s.n.Add(1), 36))
}

// makeDir makes the directory of an instance.
func (a *Agent) makeDir() (string, error) {
	dir := a.serial.in(a.instancesDir())
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the directory of an instance: %w", err)
	}
	return dir, nil
}

// socket is a unix listener that a process can inherit.
type socket struct {
	path     string
	listener *net.UnixListener
	file     *os.File // the same, for the process
}

func (a *Agent) makeSocket() (*socket, error) {
	s := &socket{path: a.serial.in(a.sockets)}
	var err error
	if s.listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: s.path, Net: "unix"}); err != nil {
		return nil, fmt.Errorf("listen for a runtime: %w", err)
	}
	s.listener.SetUnlinkOnClose(false)
	if s.file, err = s.listener.File(); err != nil {
		return nil, errors.Join(fmt.Errorf("listen for a runtime: %w", err), s.listener.Close(), os.Remove(s.path))
	}
	return s, nil
}

// close lets go of the listener; whoever inherited it has it still.
func (s *socket) close() error { return errors.Join(s.file.Close(), s.listener.Close()) }

// remove takes its name away.
func (s *socket) remove() { os.RemoveAll(s.path) }
