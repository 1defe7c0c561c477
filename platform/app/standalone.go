package app

import (
	"context"
	"errors"
	"fmt"
	"github.com/fcstack/fcstack/platform/backend/coordination"
	"github.com/fcstack/fcstack/platform/backend/objectstore"
	"github.com/fcstack/fcstack/platform/backend/sandbox/process"
	"github.com/fcstack/fcstack/platform/invoke"
	"github.com/fcstack/fcstack/platform/module/apicontroller"
	"github.com/fcstack/fcstack/platform/module/nodeagent"
	"github.com/fcstack/fcstack/platform/module/nodeagent/bootstrap"
	"github.com/fcstack/fcstack/platform/module/nodeagent/codecache"
	"github.com/fcstack/fcstack/platform/module/resourcecontroller"
	"github.com/fcstack/fcstack/platform/module/resourcemanager"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/view"
)

// The one process plays every part; these are the names of its parts.
const (
	standaloneNode   = fc.NodeID("local")
	standaloneRouter = "local"
)

// runStandalone runs everything until ctx is done, then drains. What it prints to out
// is for the user; the log goes elsewhere.
func runStandalone(ctx context.Context, cfg Standalone, version string, log *slog.Logger, out, errOut io.Writer) (err error) {
	// Ports first, then the directory: whatever is refused, nothing has changed.
	api, err := listen("--listen", cfg.Listen)
	if err != nil {
		return err
	}
	defer api.Close()
	probes, err := listen("--health-listen", cfg.healthAddress())
	if err != nil {
		return err
	}
	defer probes.Close()
	data, err := openDataDir(cfg.DataDir, cfg.Ephemeral)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()

	p := &standalone{cfg: cfg, log: log, err: errOut, data: data, health: newHealth(), crew: newCrew(log)}
	defer p.close()
	if err := p.open(ctx); err != nil {
		return err
	}
	if err := p.build(api.Addr()); err != nil {
		return err
	}
	// Who asks an empty view takes every function for deleted.
	if err := p.view.Load(ctx); err != nil {
		return err
	}
	p.start(api, probes)
	defer p.crew.stop()
	if err := p.awaitReady(ctx); err != nil {
		return err
	}
	p.greet(out, version, api.Addr(), probes.Addr())

	select {
	case err = <-p.crew.failed:
		return err
	case <-ctx.Done():
	}
	log.Info("draining", "bound", cfg.DrainTimeout)
	p.health.draining.Store(true)
	return nil
}

// greet tells the user how to use what runs. The secret is shown once, when it is new.
func (p *standalone) greet(out io.Writer, version string, api, probes net.Addr) {
	endpoint := endpointOf(api)
	fmt.Fprintf(out, "FCStack %s, everything in this process, data in %s\n\n", version, p.data.path)
	fmt.Fprintf(out, "  endpoint  %s\n  health    http://%s/readyz\n  account   %s\n\n", endpoint, probes, p.owner.Account)
	fmt.Fprintf(out, "export FC_ENDPOINT=%s\n", endpoint)
	if p.owner.Fresh {
		fmt.Fprint(out, p.owner.exports())
		fmt.Fprintf(out, "\nThe access key is kept in %s\n", p.data.file("credentials"))
	} else {
		fmt.Fprintf(out, ". %s\n", p.data.file("credentials"))
	}
}

// endpointOf is the URL under which this machine reaches a listener.
func endpointOf(a net.Addr) string {
	host, port, _ := net.SplitHostPort(a.String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// standalone is the platform in one process: embedded backends, modules that call each
// other directly.
type standalone struct {
	cfg    Standalone
	log    *slog.Logger
	err    io.Writer // gets what functions write
	data   *dataDir
	health *health
	crew   *crew
	owner  credentials

	store        metadata.Store
	coordination coordination.Service
	objects      objectstore.Store
	driver       *process.Driver

	code       *codecache.Cache
	view       *view.View
	manager    *resourcemanager.Manager
	controller *resourcecontroller.Controller
	agent      *nodeagent.Agent
	calls      *invoke.Service
	front      *apicontroller.Controller
}

// open opens the backends.
func (p *standalone) open(ctx context.Context) (err error) {
	key, err := p.data.masterKey()
	if err != nil {
		return err
	}
	if p.owner, err = p.data.credentials(); err != nil {
		return err
	}
	// etcd takes longest to start; the rest is opened meanwhile.
	started := make(chan error, 1)
	go func() {
		var err error
		p.coordination, err = openCoordination(ctx, fileURL("embed", p.data.file("etcd")), p.log.With("backend", "coordination"))
		started <- err
	}()
	err = p.openOthers(ctx, key)
	return errors.Join(err, <-started)
}

func (p *standalone) openOthers(ctx context.Context, key []byte) (err error) {
	if p.store, err = openMetadata(ctx, fileURL("sqlite", p.data.file("metadata.db")), key); err != nil {
		return err
	}
	if p.objects, err = openObjects(fileURL("dir", p.data.file("objects"))); err != nil {
		return err
	}
	// What is in there was being received when an earlier process ended.
	if err := errors.Join(os.RemoveAll(p.data.file("tmp")), os.Mkdir(p.data.file("tmp"), 0o700)); err != nil {
		return err
	}
	if p.driver, err = process.New(process.Config{Log: p.log.With("backend", "sandbox")}); err != nil {
		return err
	}
	return ensureOwner(ctx, p.store, p.owner)
}

// build makes the modules and connects them.
func (p *standalone) build(api net.Addr) (err error) {
	p.view = view.New(view.Deps{Store: p.store, Coordination: p.coordination, Log: p.log.With("module", "view")})
	if p.manager, err = resourcemanager.New(resourcemanager.Default(), resourcemanager.Deps{
		Log: p.log.With("module", "resource-manager"), Metrics: p.health.registry,
	}); err != nil {
		return err
	}
	if p.agent, err = p.newAgent(); err != nil {
		return err
	}
	node := func(id fc.NodeID) fc.Node {
		if id == standaloneNode {
			return p.agent
		}
		return nil
	}
	if p.controller, err = resourcecontroller.New(resourcecontroller.Default(), resourcecontroller.Deps{
		ID: "local", Resolve: p.view.Current, Capacity: p.manager, Nodes: p.manager, Node: node,
		Log: p.log.With("module", "resource-controller"), Metrics: p.health.registry,
	}); err != nil {
		return err
	}
	p.view.OnChange(p.controller.Changed)
	if p.calls, err = invoke.New(invoke.Config{Router: standaloneRouter}, invoke.Deps{
		View: p.view, Owner: func(fc.VersionRef) fc.Owner { return p.controller }, Node: node,
		Log: p.log.With("module", "router"), Meter: p.health.registry,
	}); err != nil {
		return err
	}
	p.front, err = apicontroller.New(apicontroller.Config{
		Region: p.cfg.Region, Suffixes: p.cfg.Domains, BaseURL: endpointOf(api), TempDir: p.data.file("tmp"),
	}, apicontroller.Deps{
		View: p.view, Store: p.store, Objects: p.objects, Calls: invoke.Retrying(p.calls), Inventory: p.manager,
		Log: p.log.With("module", "api-controller"), Meter: p.health.registry,
	})
	return err
}

func (p *standalone) newAgent() (*nodeagent.Agent, error) {
	var err error
	log := p.log.With("module", "node-agent")
	if p.code, err = codecache.Open(codecache.Config{Dir: p.data.file("code"), Log: log}, p.objects); err != nil {
		return nil, err
	}
	runtimes, err := bootstrap.New(bootstrap.Config{Dir: p.data.file("bootstrap"), Path: os.Getenv("PATH"), Log: log})
	if err != nil {
		return nil, err
	}
	cfg := nodeagent.DefaultConfig()
	cfg.ID = standaloneNode
	cfg.Region = p.cfg.Region
	cfg.Dir = p.data.file("instances")
	cfg.Path = os.Getenv("PATH")
	cfg.MemoryMB = p.cfg.memoryMB()
	cfg.DrainTimeout = p.cfg.DrainTimeout
	return nodeagent.New(cfg, nodeagent.Deps{
		Driver: p.driver, Code: p.code, Bootstraps: runtimes, Inventory: p.manager, Logs: p.functionLogs(), Log: log, Registerer: p.health.registry,
	})
}

// functionLogs is where the lines go that functions write.
func (p *standalone) functionLogs() func(nodeagent.LogLine) {
	if p.cfg.FunctionLogs == "off" {
		return nil
	}
	var mu sync.Mutex
	return func(l nodeagent.LogLine) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(p.err, "[%s] %s\n", l.Version.Function, l.Text)
	}
}

// start runs everything. What is started last stops first: the front door.
func (p *standalone) start(api, probes net.Listener) {
	p.health.probes = []probe{
		{"metadata", p.store.Ping},
		{"coordination", p.coordination.Ping},
		{"view", func(context.Context) error {
			if !p.view.Loaded() {
				return errors.New("not loaded yet")
			}
			return nil
		}},
	}
	p.crew.start(serving("health", probes, newServer(p.health.routes(), p.log), 0))
	p.crew.start(part{"view", p.view.Run})
	p.crew.start(part{"resource manager", p.manager.Run})
	p.crew.start(part{"node agent", p.agent.Run})
	p.crew.start(part{"resource controller", p.controller.Run})
	p.crew.start(part{"router", p.calls.Keep})
	p.crew.start(part{"api controller", p.front.Run})
	p.crew.start(serving("api", api, newFrontServer(p.front, p.log), p.cfg.DrainTimeout))
}

// awaitReady waits until calls can be taken.
func (p *standalone) awaitReady(ctx context.Context) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		if nodes, err := p.manager.Nodes(ctx, ""); err == nil && len(nodes) > 0 && p.view.Loaded() {
			return nil
		}
		select {
		case err := <-p.crew.failed:
			return err
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// close closes the backends, last of all.
func (p *standalone) close() {
	var err error
	if p.code != nil {
		err = errors.Join(err, p.code.Close())
	}
	if p.driver != nil {
		err = errors.Join(err, p.driver.Close())
	}
	if p.coordination != nil {
		err = errors.Join(err, p.coordination.Close())
	}
	if p.store != nil {
		err = errors.Join(err, p.store.Close())
	}
	if err != nil {
		p.log.Warn("not everything closed in order", "err", err)
	}
}

func fileURL(scheme, path string) *url.URL { return &url.URL{Scheme: scheme, Path: path} }

// ensureOwner makes the account and the key of the credentials file, if the store does
// not have them yet: the file is written first, so a crash in between loses nothing.
func ensureOwner(ctx context.Context, store metadata.Store, c credentials) error {
	err := store.CreateAccount(ctx, &fc.Account{ID: c.Account, Name: "default"})
	if err != nil && !errors.Is(err, fc.ErrExists) {
		return fmt.Errorf("make the account: %w", err)
	}
	_, err = store.AccessKey(ctx, c.KeyID)
	if errors.Is(err, fc.ErrNotFound) {
		err = store.CreateAccessKey(ctx, &fc.AccessKey{ID: c.KeyID, Secret: c.Secret, Account: c.Account})
	}
	if err != nil {
		return fmt.Errorf("make the access key: %w", err)
	}
	return nil
}

// tuneMemory trades memory for time: a collection is due when the heap has grown
// fourfold. An operator's GOGC or GOMEMLIMIT wins.
func tuneMemory() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(400)
	}
}
