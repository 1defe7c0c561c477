// Package logs reads what the process of one instance writes, line by line, and finds
// out which call a line belongs to. Keeping the lines is left to the sink, what is done
// with the end of a call's log to the node agent.
package logs

import (
	"bytes"
	"sync"
	"time"
)

const (
	maxLine = 32 << 10 // longer lines are cut into several
	tailLen = 4 << 10  // of a call's log and of all of it

	drainFirst = 5 * time.Millisecond // for lines written before a captured call
)

// Sink takes lines, without their ends. text is valid during the call; request is the
// call it belongs to, or "".
type Sink func(request string, text []byte)

// Log is the log of one instance.
type Log struct {
	sole bool // one call at a time: what is written during a call is the call's
	sink Sink
	pipe *pipe

	mu       sync.Mutex
	all      tail
	partial  []byte   // of a line that has no end yet
	open     []string // calls whose start mark was seen and whose end mark was not
	call     string   // the call that runs, of a sole one
	captures []*Capture
}

// New makes the log of an instance; sole tells that it serves one call at a time.
func New(sole bool, sink Sink) *Log { return &Log{sole: sole, sink: sink} }

// Calling says which call runs now; "" when it has ended. Of use to sole instances.
func (l *Log) Calling(request string) {
	l.mu.Lock()
	l.call = request
	l.mu.Unlock()
}

// Tail is the last 4 KiB of everything.
func (l *Log) Tail() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.with(l.partial)
}

// Capture collects the end of one call's log, from now on: what was written before is
// read first. It must be Closed.
func (l *Log) Capture(request string) *Capture {
	if l.pipe != nil {
		l.pipe.drained(time.Now().Add(drainFirst))
	}
	c := &Capture{log: l, request: request, ended: make(chan struct{})}
	l.mu.Lock()
	l.captures = append(l.captures, c)
	l.mu.Unlock()
	return c
}

// write takes what came out of the pipe.
func (l *Log) write(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			l.hold(b)
			return
		}
		line := b[:i]
		if len(l.partial) > 0 {
			l.hold(line)
			line = l.partial
		}
		l.line(bytes.TrimSuffix(line, []byte("\r")))
		l.partial = l.partial[:0]
		b = b[i+1:]
	}
}

// hold keeps the beginning of a line; what is too long goes out in pieces.
func (l *Log) hold(b []byte) {
	l.partial = append(l.partial, b...)
	for len(l.partial) > maxLine {
		l.line(l.partial[:maxLine])
		l.partial = append(l.partial[:0], l.partial[maxLine:]...)
	}
}

// finish ends a line that has no end when the process is gone.
func (l *Log) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.partial) > 0 {
		l.line(l.partial)
		l.partial = nil
	}
}

func (l *Log) line(b []byte) {
	mark, request := parseMark(b)
	if mark == start {
		if l.open = append(l.open, request); len(l.open) > maxOpen {
			l.open = l.open[1:]
		}
	}
	l.all.add(b)
	of := l.owner(b)
	for _, c := range l.captures {
		if c.request == of || !l.sole && bytes.Contains(b, []byte(c.request)) {
			c.line(b, mark, request)
		}
	}
	if l.sink != nil {
		l.sink(of, b)
	}
	if mark == end {
		l.close(request)
	}
}

// owner is the call that a line belongs to.
func (l *Log) owner(b []byte) string {
	switch {
	case l.sole && len(l.open) > 0:
		return l.open[len(l.open)-1]
	case l.sole:
		return l.call
	}
	for _, request := range l.open {
		if bytes.Contains(b, []byte(request)) {
			return request
		}
	}
	return ""
}

// maxOpen bounds the start marks remembered: a function may print what it likes.
const maxOpen = 256

func (l *Log) close(request string) {
	for i, o := range l.open {
		if o == request {
			l.open = append(l.open[:i], l.open[i+1:]...)
			return
		}
	}
}

// Capture is the end of one call's log.
type Capture struct {
	log     *Log
	request string
	ended   chan struct{} // closed once the end mark was seen

	// Under the mutex of log.
	tail    tail
	started bool
	over    bool
}

func (c *Capture) line(b []byte, m mark, request string) {
	c.tail.add(b)
	if request != c.request {
		return
	}
	switch {
	case m == start:
		c.started = true
	case m == end && !c.over:
		c.over = true
		close(c.ended)
	}
}

// Tail waits until the call's log is complete, but no longer than bound, and returns
// its last 4 KiB. It is complete once the end mark was seen, if there was one for the
// start, and otherwise once everything written so far was read.
func (c *Capture) Tail(bound time.Duration) []byte {
	l := c.log
	deadline := time.Now().Add(bound)
	if l.pipe != nil {
		l.pipe.drained(deadline)
	}
	l.mu.Lock()
	marked := c.started && !c.over
	l.mu.Unlock()
	if marked {
		t := time.NewTimer(time.Until(deadline))
		select {
		case <-c.ended:
		case <-t.C:
		}
		t.Stop()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sole && !c.over {
		return c.tail.with(l.partial)
	}
	return c.tail.with(nil)
}

// Close ends the capture.
func (c *Capture) Close() {
	l := c.log
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, o := range l.captures {
		if o == c {
			l.captures = append(l.captures[:i], l.captures[i+1:]...)
			return
		}
	}
}

// tail is the end of a text, with some room so that it is seldom moved.
type tail struct{ b []byte }

func (t *tail) add(line []byte) {
	t.b = append(append(t.b, line...), '\n')
	if len(t.b) > 4*tailLen {
		t.b = append(t.b[:0], t.b[len(t.b)-tailLen:]...)
	}
}

// with is a copy of the last 4 KiB, followed by what is not a line yet.
func (t *tail) with(partial []byte) []byte {
	b := append(bytes.Clone(t.b), partial...)
	return b[max(0, len(b)-tailLen):]
}

type mark int

const (
	none mark = iota
	start
	end
)

var (
	markHooks  = [][]byte{[]byte("Invoke "), []byte("Initialize "), []byte("PreStop "), []byte("PreFreeze ")}
	markKinds  = []mark{start, end}
	markWords  = [][]byte{[]byte("Start RequestId: "), []byte("End RequestId: ")}
	markPrefix = []byte("FC ")
)

// parseMark understands lines like FC Invoke Start RequestId: r1.
func parseMark(b []byte) (mark, string) {
	rest, ok := bytes.CutPrefix(b, markPrefix)
	if !ok {
		return none, ""
	}
	for _, h := range markHooks {
		if after, ok := bytes.CutPrefix(rest, h); ok {
			for i, w := range markWords {
				if id, ok := bytes.CutPrefix(after, w); ok {
					id, _, _ = bytes.Cut(id, []byte(","))
					return markKinds[i], string(bytes.TrimSpace(id))
				}
			}
		}
	}
	return none, ""
}
