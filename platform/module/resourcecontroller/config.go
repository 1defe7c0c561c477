package resourcecontroller

import (
	"fmt"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// Config is how a Controller behaves. All of it has a default.
type Config struct {
	GrantFor      time.Duration // a slot ends so long after it was granted or extended
	Grace         time.Duration // its rights are granted again so long after it ended; covers clocks that differ
	QueueLimit    int           // Acquire calls that wait for one function at a time
	InstanceLimit int           // instances of one function, all versions together
	MaxStarting   int           // instances of one version starting at a time
	IdleTimeout   time.Duration // an idle instance is kept so long, unless its function says otherwise
	Reevaluate    time.Duration // while calls wait, starts are reconsidered so often
	StartTimeout  time.Duration // for one start, besides the function's initializer
	Spare         int           // leases kept ahead for each kind of instance in use
	SpareFor      time.Duration // and given back when the kind was not used for so long
	RenewEvery    time.Duration // leases are renewed so often
	DrainFor      time.Duration // at the end of Run, instances that stop have so long to end their calls
	SweepEvery    time.Duration // idle instances and ended slots are looked for so often
	NodesEvery    time.Duration // the list of nodes is read so often
	ForgetAfter   time.Duration // what was learnt of a version without instances is kept so long
}

// Default is a Config for an installation of any size.
func Default() Config {
	return Config{
		GrantFor:      30 * time.Second,
		Grace:         time.Second,
		QueueLimit:    1000,
		InstanceLimit: 100,
		MaxStarting:   32,
		IdleTimeout:   60 * time.Second,
		Reevaluate:    10 * time.Millisecond,
		StartTimeout:  140 * time.Second, // an agent waits 120 s for a port itself
		Spare:         2,
		SpareFor:      30 * time.Second,
		RenewEvery:    5 * time.Second,
		DrainFor:      10 * time.Second,
		SweepEvery:    time.Second,
		NodesEvery:    time.Second,
		ForgetAfter:   10 * time.Minute,
	}
}

// Validate tells the first setting that cannot work.
func (c Config) Validate() error {
	for _, d := range []struct {
		name  string
		value time.Duration
		min   time.Duration
	}{
		{"grantFor", c.GrantFor, 100 * time.Millisecond},
		{"grace", c.Grace, 0},
		{"idleTimeout", c.IdleTimeout, time.Millisecond},
		{"reevaluate", c.Reevaluate, time.Millisecond},
		{"startTimeout", c.StartTimeout, time.Second},
		{"spareFor", c.SpareFor, time.Second},
		{"renewEvery", c.RenewEvery, 10 * time.Millisecond},
		{"drainFor", c.DrainFor, 0},
		{"sweepEvery", c.SweepEvery, 10 * time.Millisecond},
		{"nodesEvery", c.NodesEvery, 10 * time.Millisecond},
		{"forgetAfter", c.ForgetAfter, time.Second},
	} {
		if d.value < d.min {
			return fmt.Errorf("%s is %v, must be at least %v: %w", d.name, d.value, d.min, fc.ErrInvalid)
		}
	}
	for _, n := range []struct {
		name       string
		value, min int
	}{
		{"queueLimit", c.QueueLimit, 1},
		{"instanceLimit", c.InstanceLimit, 1},
		{"maxStarting", c.MaxStarting, 1},
		{"spare", c.Spare, 0},
	} {
		if n.value < n.min {
			return fmt.Errorf("%s is %d, must be at least %d: %w", n.name, n.value, n.min, fc.ErrInvalid)
		}
	}
	return nil
}
