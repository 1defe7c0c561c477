// Package sandbox is the contract of what runs an instance's process: created, started,
// stopped, listed, inspected. Code, logs, readiness and calls are the node agent's.
package sandbox

import (
	"context"
	"os"

	"github.com/fcstack/fcstack/platform/fc"
)

// Driver runs sandboxes. It is safe for concurrent use; a burst starts many at once.
type Driver interface {
	// Start runs a sandbox. When it returns, the process exists (not: is ready). An
	// executable that is missing or cannot be run is fc.ErrInvalid, nothing is left.
	// The driver does not keep spec.Stdout, spec.Stderr and spec.Files open.
	Start(ctx context.Context, spec Spec) (Sandbox, error)

	// List names the sandboxes of this driver that run.
	List(ctx context.Context) ([]string, error)
}

// Sandbox is one running sandbox.
type Sandbox interface {
	ID() string

	// Exited is closed once the main process has ended and all of the sandbox's
	// other processes have been killed.
	Exited() <-chan struct{}

	// Exit tells how it ended; valid once Exited is closed.
	Exit() Exit

	// Terminate asks the main process to end (SIGTERM).
	Terminate() error

	// Kill ends every process of the sandbox at once. It may be called twice.
	Kill() error

	// MemoryMB is the most memory its processes have used so far, in MiB; 0: not known.
	MemoryMB() int

	// Listens tells whether a process of this sandbox listens on the TCP port. A
	// driver that cannot tell says that it does.
	Listens(port int) bool
}

// Spec describes a sandbox.
type Spec struct {
	ID       string
	Runtime  fc.Runtime
	Command  []string // executable and arguments; paths as seen inside
	Env      []string // NAME=value, complete
	Dir      string   // working directory as seen inside
	Mounts   []Mount  // what is seen inside where
	Stdout   *os.File
	Stderr   *os.File
	Files    []*os.File // the process has them open from 3 on
	MemoryMB int        // limit, where the driver has limits
	CPU      float64    // vCPU, likewise
}

// Mount shows a directory of the node inside the sandbox. A driver that cannot do so
// has no Mounter, or one that says false, and its sandboxes use Source paths instead.
type Mount struct {
	Source   string
	Target   string // absolute, like /code
	ReadOnly bool
}

// Mounter is the optional ability to show directories elsewhere. Mounts tells whether
// the driver can do it on this node.
type Mounter interface{ Mounts() bool }

// Exit says how a main process ended.
type Exit struct {
	Code   int // exit status; -1 when killed by Signal
	Signal int // 0: none
}
