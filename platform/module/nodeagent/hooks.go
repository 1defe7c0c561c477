package nodeagent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/module/nodeagent/goruntime"
)

// defaultHookTimeout is for hooks that do not say.
const defaultHookTimeout = 3 * time.Second

// maxHookAnswer bounds what is kept of a hook's answer.
const maxHookAnswer = 64 << 10

// hookCall is one lifecycle call.
type hookCall struct {
	path      string
	method    string
	kind      int // type of work for go1
	request   string
	qualifier string
	timeout   time.Duration
}

var (
	initializeHook = hookCall{path: "/initialize", method: http.MethodPost, kind: goruntime.Initialize}
	preStopHook    = hookCall{path: "/pre-stop", method: http.MethodGet, kind: goruntime.PreStop}
)

func hookTimeout(h *fc.Hook) time.Duration {
	if h.Timeout > 0 {
		return h.Timeout
	}
	return defaultHookTimeout
}

// initialize runs the initializer, if there is one. Its failure is the function's.
func (a *Agent) initialize(ctx context.Context, i *instance) error {
	h := i.version.Initializer
	if h == nil {
		return nil
	}
	err := a.runHook(ctx, i, initializeHook, h)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var said *hookError
	f := &fc.Failure{ErrorType: fc.InitializationError, Message: err.Error()}
	if errors.As(err, &said) && messageOf(said.body) != "" {
		f.Body, f.Message = said.body, messageOf(said.body)
	} else {
		f.Body = errorBody(f.Message)
	}
	if i.exitedWithin(0) {
		i.log.Stop(drainLog)
	}
	f.LogTail = i.log.Tail()
	return f
}

// hookError is a hook that answered with a failure.
type hookError struct {
	path string
	body []byte
}

func (e *hookError) Error() string {
	if len(e.body) == 0 {
		return fmt.Sprintf("The function answered %s with a failure", e.path)
	}
	return fmt.Sprintf("The function answered %s with a failure: %.1024s", e.path, e.body)
}

// runHook makes one lifecycle call within its timeout.
func (a *Agent) runHook(ctx context.Context, i *instance, c hookCall, h *fc.Hook) error {
	c.timeout, c.request, c.qualifier = hookTimeout(h), newRequestID(), i.version.Qualifier
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	began := time.Now()
	var err error
	if len(h.Command) > 0 {
		err = a.runHookCommand(ctx, i, c, h.Command)
	} else {
		err = i.callHook(ctx, c)
	}
	switch said := (*hookError)(nil); {
	case err == nil, errors.As(err, &said):
		return err
	case expired(ctx):
		return fmt.Errorf("Function %s timed out after %s seconds", c.name(), seconds(c.timeout)) //nolint:staticcheck // callers see it
	case ctx.Err() == nil && i.exitedWithin(exitSoon):
		return errors.New(exitText(i, time.Since(began)))
	}
	return err
}

func (c hookCall) name() string {
	if c.kind == goruntime.Initialize {
		return "initialization"
	}
	return "pre-stop"
}

func (i *instance) callHook(ctx context.Context, c hookCall) error {
	if i.sole {
		i.log.Calling(c.request)
	}
	r, err := i.link.hook(ctx, c)
	if err != nil {
		return err
	}
	defer r.close()
	body, err := io.ReadAll(io.LimitReader(r, maxHookAnswer))
	if err != nil {
		return err
	}
	if r.errorType != "" {
		return &hookError{path: c.path, body: body}
	}
	return nil
}

// runHookCommand runs a command beside the process, seeing what it sees; exit status 0
// is success.
func (a *Agent) runHookCommand(ctx context.Context, i *instance, c hookCall, command []string) error {
	output, read, err := i.log.Extra()
	if err != nil {
		return err
	}
	defer read()
	spec := a.spec(i, launch{command: command, env: i.env}, output)
	spec.ID = string(i.info.ID) + "-" + c.name()
	box, err := a.deps.Driver.Start(ctx, spec)
	output.Close()
	if err != nil {
		return &hookError{path: c.path, body: []byte(a.whyNot(i, command[0], err))}
	}
	select {
	case <-box.Exited():
	case <-ctx.Done():
		_ = box.Kill() // it may have ended just now
		<-box.Exited()
		return ctx.Err()
	}
	if e := box.Exit(); e.Code != 0 {
		return &hookError{path: c.path, body: fmt.Appendf(nil, "the command ended with status %d", e.Code)}
	}
	return nil
}

// newRequestID names a lifecycle call.
func newRequestID() string {
	var b [16]byte
	rand.Read(b[:])
	return fmt.Sprintf("1-%x-%x-%x", b[:4], b[4:8], b[8:14])
}
