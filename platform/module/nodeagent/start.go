package nodeagent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/fcstack/fcstack/platform/backend/sandbox"
	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/kit/httpx"
	"github.com/fcstack/fcstack/platform/module/nodeagent/bootstrap"
	"github.com/fcstack/fcstack/platform/module/nodeagent/goruntime"
)

// maxHead bounds the head of a function's answer.
const maxHead = 8 << 10

// Start brings up an instance; see fc.Node.
func (a *Agent) Start(ctx context.Context, id fc.InstanceID, v *fc.Version) (fc.Instance, error) {
	if err := checkID(id); err != nil {
		return fc.Instance{}, err
	}
	if err := a.table.reserve(id); err != nil {
		return fc.Instance{}, fmt.Errorf("start instance %s: %w", id, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.life, cancel)()

	i := a.newInstance(id, v)
	if err := a.start(ctx, i); err != nil {
		a.undo(i)
		a.metrics.started(err, 0)
		if _, its := errors.AsType[*fc.Failure](err); its {
			return fc.Instance{}, err
		}
		if a.life.Err() != nil {
			err = errClosed
		}
		return fc.Instance{}, fmt.Errorf("start instance %s of %s: %w", id, v.Ref(), err)
	}
	i.info.StartTook = time.Since(i.info.Started)
	a.metrics.started(nil, i.info.StartTook)
	a.table.add(i)
	a.log.Info("instance started", "function", i.info.Version.String(), "instance", string(id),
		"runtime", string(v.Runtime), "interpreter", i.interpreter, "took", i.info.StartTook.Round(10*time.Microsecond))
	go a.tend(i)
	a.watchHealth(i)
	return i.info, nil
}

// undo leaves nothing of an instance that did not come up.
func (a *Agent) undo(i *instance) {
	if i.box != nil {
		_ = i.box.Kill() // it may have ended by itself
		<-i.box.Exited()
	}
	i.release()
	a.table.remove(i.info.ID)
}

func (a *Agent) start(ctx context.Context, i *instance) error {
	dir, release, err := a.deps.Code.Get(ctx, i.version.Code)
	if err != nil {
		return fmt.Errorf("get code: %w", err)
	}
	i.later(release)
	i.code = dir
	if i.tmp, err = a.dirs.take(); err != nil {
		return err
	}
	i.later(func() { os.RemoveAll(i.tmp) })
	switch i.version.Runtime.Kind() {
	case fc.Custom:
		err = a.startCustom(ctx, i)
	case fc.GoBinary:
		err = a.startGo(ctx, i)
	case fc.Builtin:
		err = a.startBuiltin(ctx, i)
	default:
		err = fmt.Errorf("runtime %s: %w", i.version.Runtime, fc.ErrUnsupported)
	}
	if err != nil {
		return err
	}
	return a.initialize(ctx, i)
}

// startCustom starts a web server of the function's own and waits for its port.
func (a *Agent) startCustom(ctx context.Context, i *instance) error {
	p, err := a.ports.take()
	if err != nil {
		return err
	}
	i.later(func() { a.ports.give(p) })
	number := strconv.Itoa(p.number)
	l := launch{
		command: customCommand(i.version.Custom),
		env:     map[string]string{"FC_SERVER_PORT": number, "FC_CUSTOM_LISTEN_PORT": number},
	}
	if err := a.run(ctx, i, l); err != nil {
		return err
	}
	first, err := a.awaitPort(ctx, i, p.number)
	if err != nil {
		return err
	}
	i.link = newHTTPLink(a, i, serverDial(first))
	return nil
}

// startGo starts a binary that asks for work and waits until it has asked.
func (a *Agent) startGo(ctx context.Context, i *instance) error {
	api, err := goruntime.Listen(a.fields(i.version))
	if err != nil {
		return err
	}
	i.link = &goLink{api: api, timeout: i.version.Timeout}
	l := launch{
		command: []string{"/code/" + i.version.Handler},
		env:     map[string]string{"FC_RUNTIME_API": api.Addr()},
	}
	if err := a.run(ctx, i, l); err != nil {
		return err
	}
	late := time.NewTimer(a.cfg.StartTimeout)
	defer late.Stop()
	select {
	case <-api.Ready():
		return nil
	case <-i.box.Exited():
		return exitedEarly(i)
	case <-late.C:
		return notStarted(fmt.Sprintf("The function did not ask the runtime API %s for work within %v of its start",
			api.Addr(), a.cfg.StartTimeout), i)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// startBuiltin starts a bootstrap of ours. It inherits its listener, so the first
// request can be sent at once and waits there.
func (a *Agent) startBuiltin(ctx context.Context, i *instance) error {
	if a.deps.Bootstraps == nil {
		return fmt.Errorf("runtime %s: %w", i.version.Runtime, fc.ErrUnsupported)
	}
	at, shown := bootstrap.Paths{Code: i.code}, []sandbox.Mount(nil)
	if a.mounts {
		at = bootstrap.Paths{Code: "/code", Bootstrap: bootstrap.Target}
		shown = []sandbox.Mount{{Source: a.deps.Bootstraps.Dir(), Target: bootstrap.Target, ReadOnly: true}}
	}
	command, err := a.deps.Bootstraps.Command(i.version.Runtime, at)
	if err != nil {
		return err
	}
	s, err := a.listen.take()
	if err != nil {
		return err
	}
	i.later(s.remove)
	i.interpreter = a.deps.Bootstraps.Version(i.version.Runtime)
	err = a.run(ctx, i, launch{command: command, files: []*os.File{s.file}, mounts: shown})
	// From here on the process alone has the listener: when it goes, so do those that
	// wait in it.
	if closeErr := s.close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	i.link = newHTTPLink(a, i, func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", s.path)
	})
	return nil
}

// run starts the process of i.
func (a *Agent) run(ctx context.Context, i *instance, l launch) error {
	output, err := i.log.Pipe()
	if err != nil {
		return err
	}
	defer output.Close()
	i.env = l.env
	spec := a.spec(i, l, output)
	i.box, err = a.deps.Driver.Start(ctx, spec)
	switch {
	case errors.Is(err, fc.ErrInvalid):
		i.box = nil
		return a.cannotRun(i, spec.Command[0], err)
	case err != nil:
		i.box = nil
		return err
	}
	return nil
}

// newHTTPLink is the way to a process that serves HTTP.
func newHTTPLink(a *Agent, i *instance, dial httpx.Dial) *httpLink {
	link := &httpLink{pool: httpx.NewPool(dial, i.info.Concurrency, maxHead)}
	for _, f := range a.fields(i.version) {
		link.common = httpx.AppendField(link.common, f[0], f[1])
	}
	link.timeout = httpx.AppendField(nil, "x-fc-function-timeout", seconds(i.version.Timeout))
	return link
}
