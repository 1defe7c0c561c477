package nodeagent

import (
	"errors"
	"fmt"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// Config is what an operator decides about one agent.
type Config struct {
	ID        fc.NodeID
	Pool      string
	Zone      string // failure domain
	Region    string
	Address   string // host:port of this agent; empty in one process
	Labels    map[string]string
	Dir       string // instances live below it; no other agent uses it
	Path      string // PATH of functions and where interpreters are looked for
	MemoryMB  int    // room for instances
	Isolated  bool   // the driver keeps functions apart; if not, the log says so
	Instances int    // at most so many; 0: no bound but memory

	// Custom runtimes listen on ports from FirstPort to LastPort. They should lie
	// outside the range that the system takes for outgoing connections.
	FirstPort, LastPort int

	StartTimeout   time.Duration // until a port is open or work was asked for
	StopGrace      time.Duration // between SIGTERM and SIGKILL
	DrainTimeout   time.Duration // at the end of Run, for calls that still run
	HeartbeatEvery time.Duration
}

// DefaultConfig has everything but ID, Region, Dir and MemoryMB.
func DefaultConfig() Config {
	return Config{
		Pool:           "default",
		Path:           "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		FirstPort:      21000,
		LastPort:       29999,
		StartTimeout:   120 * time.Second,
		StopGrace:      2 * time.Second,
		DrainTimeout:   20 * time.Second,
		HeartbeatEvery: 2 * time.Second,
	}
}

// Validate names the first field that cannot be.
func (c Config) Validate() error {
	switch {
	case c.ID == "":
		return errors.New("node agent: ID is empty")
	case c.Dir == "":
		return errors.New("node agent: Dir is empty")
	case c.MemoryMB <= 0:
		return fmt.Errorf("node agent: MemoryMB is %d", c.MemoryMB)
	case c.Instances < 0:
		return fmt.Errorf("node agent: Instances is %d", c.Instances)
	case c.FirstPort < 1024 || c.LastPort > 65535 || c.LastPort-c.FirstPort < 15:
		return fmt.Errorf("node agent: ports %d to %d are not a range of at least 16 above 1023", c.FirstPort, c.LastPort)
	case c.StartTimeout <= 0 || c.StopGrace <= 0 || c.DrainTimeout <= 0 || c.HeartbeatEvery <= 0:
		return errors.New("node agent: StartTimeout, StopGrace, DrainTimeout and HeartbeatEvery must be positive")
	}
	return nil
}
