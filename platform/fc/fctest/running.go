package fctest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// BuildFunction builds the function that TestNode runs and returns the directory that
// holds it as the executable bootstrap: the code of a custom runtime.
func BuildFunction(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "bootstrap"),
		"github.com/fcstack/fcstack/platform/fc/fctest/testdata/function")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the test function: %v\n%s", err, out)
	}
	return dir
}

// CustomFunction describes the function of BuildFunction, its code being code.
func CustomFunction(code fc.Package, concurrency int) *fc.Version {
	return &fc.Version{
		Function: fc.Function{
			Account: "1000", Name: "f", Runtime: "custom.debian12", Handler: "h", MemoryMB: 128, CPU: 0.5,
			Timeout: 20 * time.Second, Concurrency: concurrency, Code: code, Revision: 3,
		},
		Version: fc.Latest, Qualifier: fc.Latest,
	}
}

// TestNode is the suite of fc.Node. open gives a node with nothing on it, and the code of
// BuildFunction as the node knows it.
func TestNode(t *testing.T, open func(t *testing.T) (fc.Node, fc.Package)) {
	suite := nodeSuite{open: open}
	for _, c := range []struct {
		name string
		run  func(t *testing.T, n *startedNode)
	}{
		{"an instance that was started answers", suite.answers},
		{"a large answer comes whole", suite.large},
		{"an id is taken once", suite.taken},
		{"more calls than its concurrency are refused unread", suite.saturated},
		{"an unknown instance is gone, and nothing is read", suite.unknown},
		{"a stopped instance is gone, and stopping it again is harmless", suite.stopped},
		{"stopping lets the running call end", suite.drains},
		{"a function's own failure is an answer", suite.ownFailure},
		{"the end of the process is an answer, and watchers learn it", suite.exits},
		{"a passed deadline is an answer and ends the instance", suite.deadline},
		{"a caller who leaves gets Canceled", suite.canceled},
		{"an initializer that fails is a failure and leaves nothing", suite.initializer},
		{"a process that ends at once is a failure", suite.exitsEarly},
		{"watchers see what there is, what comes and what ends", suite.watch},
	} {
		t.Run(c.name, func(t *testing.T) {
			node, code := suite.open(t)
			c.run(t, &startedNode{Node: node, code: code})
		})
	}
}

type nodeSuite struct {
	open func(t *testing.T) (fc.Node, fc.Package)
}

// startedNode is a node with the means to use it briefly.
type startedNode struct {
	fc.Node
	code fc.Package
}

func (n *startedNode) start(t *testing.T, id fc.InstanceID, concurrency int, change ...func(*fc.Version)) fc.Instance {
	t.Helper()
	v := CustomFunction(n.code, concurrency)
	for _, c := range change {
		c(v)
	}
	i, err := n.Start(t.Context(), id, v)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	return i
}

// call makes an event call that must be answered.
func (n *startedNode) call(t *testing.T, id fc.InstanceID, body string) (string, fc.Head) {
	t.Helper()
	out := &Answer{}
	if err := n.Call(t.Context(), id, Event(body), out); err != nil {
		t.Fatalf("call %q: %v", body, err)
	}
	head, begun := out.Head()
	if !begun {
		t.Fatalf("call %q returned without an answer", body)
	}
	return out.Body(), head
}

// untouched fails the test when it is read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("the body of a refused call was read")
	return 0, errors.New("read")
}

func (n *startedNode) refused(t *testing.T, id fc.InstanceID, want error) {
	t.Helper()
	in := Event("")
	in.Body, in.Size = untouched{t}, 10
	out := &Answer{}
	if err := n.Call(t.Context(), id, in, out); !errors.Is(err, want) {
		t.Errorf("call: got %v, want %v", err, want)
	}
	if _, begun := out.Head(); begun {
		t.Error("a refused call was answered")
	}
}

func (nodeSuite) answers(t *testing.T, n *startedNode) {
	i := n.start(t, "c-1", 3)
	if i.ID != "c-1" || i.Concurrency != 3 || i.MemoryMB != 128 || i.Version != CustomFunction(n.code, 3).Ref() || i.StartTook <= 0 {
		t.Errorf("instance %+v", i)
	}
	body, head := n.call(t, "c-1", "hello")
	if body != "hello" || head.Status != 200 || head.ErrorType != "" || head.Size != 5 || head.Instance != "c-1" || head.Duration <= 0 {
		t.Errorf("answer %q, head %+v", body, head)
	}
	if body, _ := n.call(t, "c-1", ""); body != "" {
		t.Errorf("answer to an empty event: %q", body)
	}
}

func (nodeSuite) large(t *testing.T, n *startedNode) {
	n.start(t, "c-1", 1)
	for _, size := range []int{32 << 10, 32<<10 + 1, 256 << 10, 256<<10 + 1, 3 << 20} {
		want := strings.Repeat("x", size)
		if body, _ := n.call(t, "c-1", want); body != want {
			t.Errorf("%d bytes came back of %d", len(body), size)
		}
		if body, head := n.call(t, "c-1", fmt.Sprintf("big %d", size)); len(body) != size || head.Size != int64(size) {
			t.Errorf("%d bytes of %d, head says %d", len(body), size, head.Size)
		}
	}
}

func (nodeSuite) taken(t *testing.T, n *startedNode) {
	n.start(t, "c-1", 1)
	if _, err := n.Start(t.Context(), "c-1", CustomFunction(n.code, 1)); !errors.Is(err, fc.ErrExists) {
		t.Errorf("second start: %v", err)
	}
	if body, _ := n.call(t, "c-1", "still"); body != "still" {
		t.Errorf("the first one answers %q", body)
	}
}

func (nodeSuite) saturated(t *testing.T, n *startedNode) {
	n.start(t, "c-1", 2)
	var calls sync.WaitGroup
	pending := make([]*slowBody, 2)
	for k := range pending {
		pending[k] = newSlowBody("done")
		calls.Go(func() {
			in := Event("")
			in.Body, in.Size = pending[k], -1
			out := &Answer{}
			if err := n.Call(t.Context(), "c-1", in, out); err != nil || out.Body() != "done" {
				t.Errorf("running call: %q, %v", out.Body(), err)
			}
		})
	}
	for _, p := range pending {
		<-p.begun
	}
	n.refused(t, "c-1", fc.ErrSaturated)
	for _, p := range pending {
		close(p.goOn)
	}
	calls.Wait()
	if body, _ := n.call(t, "c-1", "again"); body != "again" {
		t.Errorf("afterwards: %q", body)
	}
}

func (nodeSuite) unknown(t *testing.T, n *startedNode) {
	n.refused(t, "c-none", fc.ErrGone)
	if err := n.Stop(t.Context(), "c-none"); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func (nodeSuite) stopped(t *testing.T, n *startedNode) {
	n.start(t, "c-1", 1)
	for range 2 {
		if err := n.Stop(t.Context(), "c-1"); err != nil {
			t.Errorf("stop: %v", err)
		}
		n.refused(t, "c-1", fc.ErrGone)
	}
	n.start(t, "c-1", 1)
}

func (nodeSuite) drains(t *testing.T, n *startedNode) {
	n.start(t, "c-1", 1)
	body := newSlowBody("finished")
	answered := make(chan string, 1)
	go func() {
		in := Event("")
		in.Body, in.Size = body, -1
		out := &Answer{}
		if err := n.Call(t.Context(), "c-1", in, out); err != nil {
			t.Errorf("running call: %v", err)
		}
		answered <- out.Body()
	}()
	<-body.begun
	stopped := make(chan error, 1)
	go func() { stopped <- n.Stop(t.Context(), "c-1") }()
	eventually(t, "the instance takes no more calls", func() bool {
		err := n.Call(t.Context(), "c-1", Event("x"), &Answer{})
		return errors.Is(err, fc.ErrGone)
	})
	close(body.goOn)
	if got := <-answered; got != "finished" {
		t.Errorf("the running call was answered %q", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
}

func (nodeSuite) ownFailure(t *testing.T, n *startedNode) {
	n.start(t, "c-1", 1)
	body, head := n.call(t, "c-1", `error {"errorMessage":"bad"}`)
	if body != `{"errorMessage":"bad"}` || head.ErrorType != fc.UnhandledInvocationError || head.Status != 200 {
		t.Errorf("answer %q, head %+v", body, head)
	}
	if body, head := n.call(t, "c-1", "well"); body != "well" || head.ErrorType != "" {
		t.Errorf("afterwards: %q, head %+v", body, head)
	}
}

func (nodeSuite) exits(t *testing.T, n *startedNode) {
	seen := n.watch(t)
	n.start(t, "c-1", 1)
	body, head := n.call(t, "c-1", "exit 3")
	if head.ErrorType != fc.UnhandledInvocationError || !strings.HasPrefix(message(t, body), "Process exited unexpectedly before completing request (duration: ") {
		t.Errorf("answer %q, head %+v", body, head)
	}
	seen.await(t, "c-1", true)
	n.refused(t, "c-1", fc.ErrGone)
}

func (nodeSuite) deadline(t *testing.T, n *startedNode) {
	n.start(t, "c-1", 1, func(v *fc.Version) { v.Timeout = time.Second })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	out := &Answer{}
	if err := n.Call(ctx, "c-1", Event("sleep 1h"), out); err != nil {
		t.Fatalf("call: %v", err)
	}
	head, _ := out.Head()
	if got := message(t, out.Body()); !strings.HasPrefix(got, "Function timed out after 1 seconds") || head.ErrorType != fc.UnhandledInvocationError {
		t.Errorf("answer %q, head %+v", got, head)
	}
	eventually(t, "the instance is gone", func() bool {
		return errors.Is(n.Call(t.Context(), "c-1", Event("x"), &Answer{}), fc.ErrGone)
	})
}

func (nodeSuite) canceled(t *testing.T, n *startedNode) {
	n.start(t, "c-1", 1)
	ctx, cancel := context.WithCancel(t.Context())
	body := newSlowBody("never")
	in := Event("")
	in.Body, in.Size = body, -1
	go func() {
		<-body.begun
		cancel()
		close(body.goOn)
	}()
	if err := n.Call(ctx, "c-1", in, &Answer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func (nodeSuite) initializer(t *testing.T, n *startedNode) {
	v := CustomFunction(n.code, 1)
	v.Initializer = &fc.Hook{Handler: "init"}
	v.Env = map[string]string{"INIT": "fail"}
	_, err := n.Start(t.Context(), "c-1", v)
	f, its := errors.AsType[*fc.Failure](err)
	if !its || f.ErrorType != fc.InitializationError || f.Message != "no database" || message(t, string(f.Body)) != "no database" {
		t.Fatalf("got %#v", err)
	}
	n.refused(t, "c-1", fc.ErrGone)
	n.start(t, "c-1", 1)
}

func (nodeSuite) exitsEarly(t *testing.T, n *startedNode) {
	v := CustomFunction(n.code, 1)
	v.Env = map[string]string{"EXIT": "1", "SAY": "cannot go on"}
	_, err := n.Start(t.Context(), "c-1", v)
	f, its := errors.AsType[*fc.Failure](err)
	if !its || !errors.Is(err, fc.ErrNotStarted) || !strings.Contains(string(f.LogTail), "cannot go on") {
		t.Fatalf("got %#v", err)
	}
}

func (nodeSuite) watch(t *testing.T, n *startedNode) {
	n.start(t, "c-1", 1)
	seen := n.watch(t)
	seen.await(t, "c-1", false)
	n.start(t, "c-2", 1)
	seen.await(t, "c-2", false)
	if err := n.Stop(t.Context(), "c-1"); err != nil {
		t.Fatal(err)
	}
	seen.await(t, "c-1", true)
}

// watched is what a watcher has seen.
type watched struct {
	mu     sync.Mutex
	events []fc.InstanceEvent
}

func (n *startedNode) watch(t *testing.T) *watched {
	w := &watched{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = n.Watch(ctx, func(e fc.InstanceEvent) { // it ends with ctx
			w.mu.Lock()
			w.events = append(w.events, e)
			w.mu.Unlock()
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

func (w *watched) await(t *testing.T, id fc.InstanceID, gone bool) {
	t.Helper()
	eventually(t, fmt.Sprintf("watchers see %s, gone: %t", id, gone), func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, e := range w.events {
			if e.Instance.ID == id && e.Gone == gone {
				return true
			}
		}
		return false
	})
}

// slowBody is a body that waits in the middle.
type slowBody struct {
	text  string
	begun chan struct{} // closed when it is read
	goOn  chan struct{} // close it to let the rest come
	state int
}

func newSlowBody(text string) *slowBody {
	return &slowBody{text: text, begun: make(chan struct{}), goOn: make(chan struct{})}
}

func (s *slowBody) Read(p []byte) (int, error) {
	s.state++
	switch s.state {
	case 1:
		close(s.begun)
		return copy(p, s.text[:1]), nil
	case 2:
		<-s.goOn
		return copy(p, s.text[1:]), nil
	}
	return 0, io.EOF
}

func message(t *testing.T, body string) string {
	t.Helper()
	var b struct{ ErrorMessage string }
	if err := json.Unmarshal([]byte(body), &b); err != nil {
		t.Errorf("body %q: %v", body, err)
	}
	return b.ErrorMessage
}

// eventually waits for a condition, generously.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
