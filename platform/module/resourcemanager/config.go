package resourcemanager

import (
	"fmt"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// Config is how a Manager behaves. All of it has a default.
type Config struct {
	LeaseFor     time.Duration // a lease ends so long after it was granted or renewed
	DeadAfter    time.Duration // a node is dead so long after its last heartbeat
	SweepEvery   time.Duration // ended leases and dead nodes are looked for so often
	AccountQuota int           // instances an account may have leased at a time
}

// Default is a Config for an installation of any size.
func Default() Config {
	return Config{
		LeaseFor:     30 * time.Second,
		DeadAfter:    10 * time.Second,
		SweepEvery:   time.Second,
		AccountQuota: 300,
	}
}

// Validate tells the first setting that cannot work.
func (c Config) Validate() error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"leaseFor", c.LeaseFor}, {"deadAfter", c.DeadAfter}, {"sweepEvery", c.SweepEvery},
	} {
		if d.value < 10*time.Millisecond {
			return fmt.Errorf("%s is %v, must be at least 10ms: %w", d.name, d.value, fc.ErrInvalid)
		}
	}
	if c.AccountQuota < 1 {
		return fmt.Errorf("accountQuota is %d, must be at least 1: %w", c.AccountQuota, fc.ErrInvalid)
	}
	return nil
}
