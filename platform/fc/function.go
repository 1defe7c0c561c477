// Package fc is the vocabulary of the platform: what a function, an instance, a slot
// and a call are, and what its modules ask of each other. It knows no storage, no
// transport and no vendor; those translate into it.
package fc

import (
	"encoding/json"
	"strings"
	"time"
)

// Latest is the qualifier and the version of a function that was not published.
const Latest = "LATEST"

// Function is one function as its owner described it. A Function that was handed out
// by a store or a view is shared and must not be changed; Clone it first.
type Function struct {
	Account     string // owner
	Name        string // unique in the account
	ID          string // UUID, never reused
	Runtime     Runtime
	Handler     string
	Description string

	CPU         float64       // vCPU
	MemoryMB    int           // MiB
	DiskMB      int           // MiB
	Timeout     time.Duration // of one call, from hand-over to answer
	Concurrency int           // calls one instance serves at a time
	IdleTimeout time.Duration // an idle instance is kept so long; 0: the platform's default

	Env         map[string]string
	Code        Package
	Custom      *CustomRuntime // custom runtimes only
	Initializer *Hook          // nil: none
	PreStop     *Hook          // nil: none
	Role        string
	Pool        string // "": the account's default
	Tags        []Tag

	// Kept holds settings the platform shows but does not act upon, by the name of
	// their member in the API.
	Kept map[string]json.RawMessage `json:",omitempty"`

	Restriction *Restriction // not nil: calls may be refused
	Created     time.Time
	Modified    time.Time
	Revision    int64 // set by the store; grows with every change of anything
}

// Package says where a function's code is and how to know it.
type Package struct {
	Key    string // in the object store; content-addressed
	SHA256 string // lower-case hex
	CRC64  string // ECMA, decimal text: the API's checksum
	Size   int64  // bytes
}

// CustomRuntime is how the server of a custom runtime is started and reached.
type CustomRuntime struct {
	Command []string // empty together with Args: /code/bootstrap
	Args    []string
	Port    int // 0: 9000
	Health  *HealthCheck
}

// HealthCheck is a periodic request to a custom runtime; zero fields take the defaults
// of the API (3 s period, 1 s timeout, 3 failures, 1 success).
type HealthCheck struct {
	Path             string
	InitialDelay     time.Duration
	Period           time.Duration
	Timeout          time.Duration
	FailureThreshold int
	SuccessThreshold int
}

// Hook is a lifecycle hook: a handler of the runtime or a command, never both.
type Hook struct {
	Handler string
	Command []string
	Timeout time.Duration // 0: 3 s
}

// Tag is a label of a function.
type Tag struct{ Key, Value string }

// Restriction says whether calls of a function are refused, and why.
type Restriction struct {
	Disabled bool
	Reason   string
	Modified time.Time
}

// Clone returns a deep copy that may be changed.
func (f *Function) Clone() *Function {
	raw, err := json.Marshal(f)
	if err != nil {
		panic("clone function: " + err.Error()) // every field is plain data
	}
	c := new(Function)
	if err := json.Unmarshal(raw, c); err != nil {
		panic("clone function: " + err.Error())
	}
	return c
}

// Runtime is the name of a runtime, like "python3.10" or "custom.debian12".
type Runtime string

// RuntimeKind is how the platform talks to a runtime.
type RuntimeKind int

// The kinds of runtimes.
const (
	Builtin   RuntimeKind = iota // a bootstrap of ours loads the handler
	GoBinary                     // go1: a binary that asks the runtime API for work
	Custom                       // a web server of the function's own
	Container                    // custom-container: the same, out of an image
)

// Kind tells how the platform talks to r.
func (r Runtime) Kind() RuntimeKind {
	switch {
	case r == "go1":
		return GoBinary
	case r == "custom-container":
		return Container
	case r == "custom" || strings.HasPrefix(string(r), "custom."):
		return Custom
	}
	return Builtin
}

// VersionRef names one immutable state of a function.
type VersionRef struct {
	Account  string
	Function string
	Version  string // LATEST or a number
	Revision int64  // tells the states of LATEST apart
}

// String is how logs name a version: account/function@version.
func (r VersionRef) String() string {
	return r.Account + "/" + r.Function + "@" + r.Version
}

// Version is a function frozen in one state, ready to be called. It is shared and
// never changed.
type Version struct {
	Function
	Version   string // LATEST or a number
	Qualifier string // what the caller asked for
}

// Ref names v.
func (v *Version) Ref() VersionRef {
	return VersionRef{Account: v.Account, Function: v.Name, Version: v.Version, Revision: v.Revision}
}
