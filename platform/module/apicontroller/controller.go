// Package apicontroller is the front door of the platform: it authenticates requests of
// the FC 3.0 API and of HTTP triggers, validates them, changes metadata and code, and
// turns calls into invocations. How a call reaches an instance is left to invoke.
package apicontroller

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/backend/objectstore"
	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/invoke"
	"github.com/fcstack/fcstack/platform/kit/loop"
	"github.com/fcstack/fcstack/platform/module/apicontroller/replay"
)

// Config is what an operator decides. Zero values take the defaults.
type Config struct {
	Region   string   // shown in resource names; default "local"
	Suffixes []string // of the hosts of HTTP triggers; default "fc.localhost"

	// BaseURL is how clients reach the platform, like https://fc.example.com. It makes
	// the URLs in answers; without it they are made from the host the request named.
	BaseURL string

	TempDir string // for bodies too large for memory; default: the system's
}

// Validate checks the configuration.
func (c Config) Validate() error {
	for _, s := range c.Suffixes {
		if s == "" || strings.HasPrefix(s, ".") || strings.ContainsAny(s, "/: ") {
			return fmt.Errorf("apiController: suffixes: %q is not a domain", s)
		}
	}
	if c.BaseURL == "" {
		return nil
	}
	u, err := url.Parse(c.BaseURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("apiController: baseURL: %q is not an http or https URL", c.BaseURL)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Region == "" {
		c.Region = "local"
	}
	if len(c.Suffixes) == 0 {
		c.Suffixes = []string{"fc.localhost"}
	}
	c.BaseURL = strings.TrimSuffix(c.BaseURL, "/")
	return c
}

// View is the metadata in memory; *view.View is one.
type View interface {
	Resolve(account, function, qualifier string) (*fc.Version, error)
	Route(subdomain string) (*fc.Trigger, bool)
	AccessKey(id string) (*fc.AccessKey, bool)
	Sync(ctx context.Context) error
}

// Store is the part of the metadata store that requests change.
type Store interface {
	metadata.Functions
	metadata.Triggers
}

// Deps is what a Controller works on.
type Deps struct {
	View      View
	Store     Store
	Objects   objectstore.Store
	Calls     invoke.Runner
	Inventory fc.Inventory
	Log       *slog.Logger
	Meter     prometheus.Registerer // nil: nothing is measured
}

// Controller answers requests. Any number of them may run side by side.
type Controller struct {
	cfg      Config
	deps     Deps
	log      *slog.Logger
	suffixes []string // each with its leading dot
	nonces   *replay.Guard
	memory   *semaphore.Weighted // for bodies that become events
	metrics  *metrics
	handlers map[string]handler // by name of the operation
	now      func() time.Time

	adding sync.Mutex // of triggers
}

// New makes a Controller.
func New(cfg Config, deps Deps) (*Controller, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Controller{
		cfg:    cfg.withDefaults(),
		deps:   deps,
		log:    deps.Log,
		nonces: replay.New(),
		memory: semaphore.NewWeighted(eventMemory),
		now:    time.Now,
	}
	for _, s := range c.cfg.Suffixes {
		c.suffixes = append(c.suffixes, "."+strings.ToLower(s))
	}
	c.handlers = c.operations()
	c.metrics = newMetrics(deps.Meter, append(slices.Collect(maps.Keys(c.handlers)), invokeOperation))
	return c, nil
}

// Routes answers every request to the platform's callers' port.
func (c *Controller) Routes() http.Handler { return c }

// Run forgets what is too old to be replayed, until ctx is done.
func (c *Controller) Run(ctx context.Context) error {
	return loop.Every(ctx, time.Minute, func(context.Context) { c.nonces.Expire(c.now().Add(-maxSkew)) })
}
