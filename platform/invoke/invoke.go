// Package invoke is the path of a call: find the version, take a slot, call the node
// that holds it, give the slot back. Who may call and how an answer looks to the caller
// are left to the front door; where instances run, to the owners.
package invoke

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fcstack/fcstack/platform/fc"
)

// Resolver finds versions in memory; *view.View is one.
type Resolver interface {
	Resolve(account, function, qualifier string) (*fc.Version, error)
}

// Runner carries one call to its end. in.Body is read and out written only within Run.
//   - fc.ErrFunctionNotFound, fc.ErrVersionNotFound, fc.ErrAliasNotFound
//   - fc.ErrDisabled: invocation of the function is disabled
//   - fc.ErrBusy, fc.ErrNoCapacity: no instance in time
//   - *fc.Failure: the function does not come up
//   - and the errors of fc.Node.Call
//
// When Run returns nil, the answer was written; the function's own failures are answers.
type Runner interface {
	Run(ctx context.Context, in *fc.Invocation, out fc.ResultWriter) error
}

// Config bounds what a Service holds. Zero values take the defaults.
type Config struct {
	Router    string        // who asks owners for slots; unique in the installation
	MaxQueue  int           // calls of one function that wait for a slot; default 1000
	MaxWait   time.Duration // for a slot; default 150 s, more than an instance may take to start
	HoldIdle  time.Duration // an unused slot is kept so long; default 10 s
	ReportGap time.Duration // between reports of use to the owners; default 1 s
}

func (c Config) withDefaults() Config {
	setDefault(&c.MaxQueue, 1000)
	setDefault(&c.MaxWait, 150*time.Second)
	setDefault(&c.HoldIdle, 10*time.Second)
	setDefault(&c.ReportGap, time.Second)
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Deps is what a Service asks.
type Deps struct {
	View  Resolver
	Owner func(fc.VersionRef) fc.Owner // whom the membership names
	Node  func(fc.NodeID) fc.Node
	Log   *slog.Logger
	Meter prometheus.Registerer // nil: nothing is measured
}

// Service runs calls. Keep must run beside it.
type Service struct {
	view   Resolver
	router *router
}

var _ Runner = (*Service)(nil)

// New makes a Service.
func New(cfg Config, deps Deps) (*Service, error) {
	if cfg.Router == "" {
		return nil, fmt.Errorf("invoke: Router: %w: it is empty", fc.ErrInvalid)
	}
	return &Service{view: deps.View, router: newRouter(cfg.withDefaults(), deps)}, nil
}

// Keep extends and returns the slots that the service holds, until ctx is done; then
// it gives back all of them.
func (s *Service) Keep(ctx context.Context) error {
	return s.router.keep(ctx)
}

// Run carries one call to its end. A warm call asks nobody else.
func (s *Service) Run(ctx context.Context, in *fc.Invocation, out fc.ResultWriter) error {
	v := in.Version
	if v == nil {
		var err error
		if v, err = s.view.Resolve(in.Account, in.Function, in.Qualifier); err != nil {
			return err
		}
	}
	if v.Restriction != nil && v.Restriction.Disabled {
		return fmt.Errorf("function %q: %w: %s", v.Name, fc.ErrDisabled, v.Restriction.Reason)
	}
	slot, err := s.router.take(ctx, v)
	if err != nil {
		return fmt.Errorf("take a slot of %s: %w", v.Ref(), err)
	}
	ctx, cancel := context.WithTimeout(ctx, v.Timeout)
	err = slot.node.Call(ctx, slot.instance, in, out)
	cancel()
	s.router.done(slot, err)
	return err
}
