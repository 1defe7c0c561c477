package fc

import "time"

// InstanceID names an instance in the whole installation, like c-64f6cd87-15e4fd1c.
type InstanceID string

// NodeID names a node.
type NodeID string

// Instance is one running copy of a function version on one node.
// It serves at most Concurrency calls at a time.
type Instance struct {
	ID          InstanceID
	Version     VersionRef
	Node        NodeID
	Concurrency int
	MemoryMB    int // what it takes of the node's capacity
	Started     time.Time
	StartTook   time.Duration // from Start to ready, the initializer included
}

// InstanceEvent tells that an instance is there or has ended.
type InstanceEvent struct {
	Instance Instance
	Gone     bool
	Reason   string // of Gone: stopped, exited, timed out, unhealthy
}

// Slot is the right to run Rights calls at a time on one instance until Until.
// The owner of the function grants it; what does not come back ends by itself.
type Slot struct {
	ID       string
	Version  VersionRef
	Instance InstanceID
	Node     NodeID
	Rights   int
	Until    time.Time
}

// Usage is what became of a slot since the last report.
type Usage struct {
	Slot     string
	Version  VersionRef
	Instance InstanceID
	Keep     bool          // extend it; otherwise it is given back
	Gone     bool          // the node says that the instance has ended
	InFlight int           // calls running on it now
	Calls    int           // calls that ended since the last report
	Busy     time.Duration // their time, summed
	LastCall time.Time     // when the last of them ended; zero: none
}

// Want is what a router asks of an owner.
type Want struct {
	Version VersionRef
	Router  string // who asks; slots are granted to it alone
	Slots   int    // concurrent calls it would run at once, at least 1
}

// NodeInfo is a node as the resource manager knows it.
type NodeInfo struct {
	ID        NodeID
	Pool      string
	Zone      string            // failure domain
	Address   string            // host:port of its agent; empty in one process
	Labels    map[string]string `json:",omitempty"`
	MemoryMB  int               // room for instances
	Instances int               // at most so many instances; 0: no bound but memory
	Runtimes  []Runtime         // it can run these
	Seen      time.Time         // last heartbeat, by the resource manager's clock
}

// LeaseRequest asks for room on the nodes of a pool.
type LeaseRequest struct {
	Owner    string // the resource controller that will use it
	Account  string // whose quota it counts against
	Pool     string // "": the default pool
	Runtime  Runtime
	MemoryMB int      // of one instance
	Count    int      // instances wanted, at least 1
	Prefer   []NodeID // nodes that have the code already, best first
}

// Lease is room for one instance on one node until Until.
type Lease struct {
	ID       string
	Node     NodeID
	MemoryMB int
	Until    time.Time
}
