package fc

import (
	"io"
	"net/http"
	"time"
)

// CallKind is what a function is called with.
type CallKind int

// The kinds of calls.
const (
	EventCall CallKind = iota // bytes in, bytes out
	HTTPCall                  // an HTTP request, passed through (custom runtimes)
)

// Invocation is one call on its way to a function. Its Body is read once, as a stream.
type Invocation struct {
	RequestID string
	Account   string
	Function  string
	Qualifier string
	Version   *Version // resolved already; nil: Run resolves
	Kind      CallKind
	Attempt   int  // 0 for the first
	Tail      bool // the end of the call's log is wanted in Head.LogTail
	Async     bool

	Body io.Reader // nil: none
	Size int64     // of Body in bytes; -1: not known

	// Of an HTTPCall. Header is the callee's to change. URI is path and query as sent.
	Method string
	URI    string
	Host   string
	Header http.Header
	Remote string // address of the client, host:port
	Secure bool   // it came over TLS
}

// Head opens an answer. Its status and headers are the function's own.
type Head struct {
	Status    int    // HTTPCall: of the function; EventCall: 200
	ErrorType string // "": the function succeeded; see ErrorType constants
	Size      int64  // of the body in bytes; -1: not known yet
	Instance  InstanceID
	Duration  time.Duration // of the function, as far as known when the answer begins
	MemoryMB  int           // most memory the instance has used; 0: not known
	LogTail   []byte        // last 4 KiB of the call's log, if asked for
}

// What X-Fc-Error-Type says of a call that the function failed.
const (
	UnhandledInvocationError = "UnhandledInvocationError"
	HandledInvocationError   = "HandledInvocationError"
	InitializationError      = "InitializationError"
)

// ResultWriter takes the answer of one call. Header is filled first (HTTPCall only),
// then Begin is called once, then Write any number of times. What is written may be
// held back until Flush or the end of the call.
type ResultWriter interface {
	Header() http.Header
	Begin(Head)
	io.Writer
	Flush()
}

// Upgrader is a ResultWriter whose connection can be taken over, for WebSocket. After
// Upgrade the caller owns conn and closes it; Header and h tell what to answer first.
type Upgrader interface {
	Upgrade(h Head) (conn io.ReadWriteCloser, err error)
}

// Failure is a function's own failure to come up: its initializer failed, its process
// ended or its port never opened. The caller sees it as the function's answer, except
// ErrNotStarted, which is the platform's (Unwrap gives it).
type Failure struct {
	ErrorType string // InitializationError, UnhandledInvocationError; "" with Kind set
	Body      []byte // JSON: errorMessage, errorType, stackTrace
	Message   string // errorMessage alone
	Kind      error  // nil or ErrNotStarted
	LogTail   []byte // last 4 KiB of what the instance wrote
}

func (f *Failure) Error() string { return f.Message }

// Unwrap makes errors.Is(err, ErrNotStarted) work.
func (f *Failure) Unwrap() error { return f.Kind }
