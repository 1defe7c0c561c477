package fctest

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/fcstack/fcstack/platform/fc"
)

// Answer is a fc.ResultWriter that keeps what it gets.
type Answer struct {
	mu      sync.Mutex
	header  http.Header
	head    fc.Head
	begun   bool
	body    bytes.Buffer
	flushes int
}

// Header is filled before Begin.
func (a *Answer) Header() http.Header {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}

// Begin keeps the head.
func (a *Answer) Begin(h fc.Head) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.begun {
		panic("Begin was called twice")
	}
	a.head, a.begun = h, true
}

func (a *Answer) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.begun {
		panic("Write before Begin")
	}
	return a.body.Write(b)
}

// Flush counts.
func (a *Answer) Flush() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.flushes++
}

// Head is what the answer began with; begun tells whether it did.
func (a *Answer) Head() (h fc.Head, begun bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.head, a.begun
}

// Body is what came so far.
func (a *Answer) Body() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.body.String()
}

// Flushed tells whether Flush was called after something was written.
func (a *Answer) Flushed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.flushes > 0 && a.body.Len() > 0
}

var requests atomic.Int64

// Event makes an event call of a body.
func Event(body string) *fc.Invocation {
	return &fc.Invocation{
		RequestID: fmt.Sprintf("1-test-%d", requests.Add(1)), Account: "1000", Function: "f", Qualifier: fc.Latest,
		Body: strings.NewReader(body), Size: int64(len(body)),
	}
}
