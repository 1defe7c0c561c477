package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/fcstack/fcstack/platform/kit/httpx/server"
	"github.com/fcstack/fcstack/platform/module/apicontroller"
)

// listen opens a TCP port, with an error that says what to do.
func listen(flag, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s: %s is in use by another process: stop that one or choose another address", flag, address)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: cannot listen on %s: %w", flag, address, reason(err))
	}
	return l, nil
}

// The limits of the API on headers are the front door's; these only bound what a
// client may hold for how long. A call may take as long as it likes.
const (
	headerTimeout  = 20 * time.Second
	idleTimeout    = 5 * time.Minute
	maxHeaderBytes = 64 << 10
)

// newFrontServer is the server of the API and of HTTP triggers, on the way of every
// call. What never reaches the front door is answered in the API's form too.
func newFrontServer(front *apicontroller.Controller, log *slog.Logger) *server.Server {
	return &server.Server{
		Handler:           front.Routes(),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BadRequest:        front.Malformed,
		Log:               log,
	}
}

// newServer is the standard server, for everything that is not on that way.
func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// part is something that runs until its context is done.
type part struct {
	name string
	run  func(ctx context.Context) error
}

// crew runs parts that stop in the reverse order of their start: what serves calls
// stops before what it needs.
type crew struct {
	log    *slog.Logger
	failed chan error
	stops  []func()
}

func newCrew(log *slog.Logger) *crew {
	return &crew{log: log, failed: make(chan error, 1)}
}

// start runs p in the background. If it ends before it is told to, the crew has failed.
func (c *crew) start(p part) {
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() {
		err := p.run(ctx)
		if ctx.Err() != nil {
			if err != nil {
				c.log.Warn("part ended with an error", "part", p.name, "err", err)
			}
			return
		}
		if err == nil {
			err = errors.New("it ended by itself")
		}
		select {
		case c.failed <- fmt.Errorf("%s: %w", p.name, err):
		default:
		}
	})
	c.stops = append(c.stops, func() {
		cancel()
		wait.Wait()
	})
}

// stop ends all parts.
func (c *crew) stop() {
	for i := len(c.stops) - 1; i >= 0; i-- {
		c.stops[i]()
	}
	c.stops = nil
}

// httpServer is either kind of server.
type httpServer interface {
	Serve(net.Listener) error
	Shutdown(context.Context) error
	Close() error
}

// serving is a part that serves HTTP. Told to stop, it takes no new connections and
// lets the requests it has end, for at most drain.
func serving(name string, l net.Listener, s httpServer, drain time.Duration) part {
	return part{name, func(ctx context.Context) error {
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(l) }()
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
		}
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		if err := s.Shutdown(bounded); err != nil {
			return fmt.Errorf("requests were cut off after %s: %w", drain, errors.Join(err, s.Close()))
		}
		return nil
	}}
}
