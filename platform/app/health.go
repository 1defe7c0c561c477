package app

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// probeTimeout bounds one look at a backend for /readyz.
const probeTimeout = 2 * time.Second

// probe is one thing that must be so for calls to be taken.
type probe struct {
	name string
	ok   func(ctx context.Context) error
}

// health answers /livez, /readyz and /metrics.
type health struct {
	probes   []probe
	draining atomic.Bool
	registry *prometheus.Registry
}

func newHealth() *health {
	h := &health{registry: prometheus.NewRegistry()}
	h.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return h
}

func (h *health) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", h.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(h.registry, promhttp.HandlerOpts{}))
	return mux
}

// ready names every probe and what it found.
func (h *health) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
	defer cancel()
	status, text := http.StatusOK, ""
	note := func(name string, err error) {
		if err == nil {
			text += fmt.Sprintf("[+] %s ok\n", name)
			return
		}
		status = http.StatusServiceUnavailable
		text += fmt.Sprintf("[-] %s: %v\n", name, err)
	}
	if h.draining.Load() {
		note("process", fmt.Errorf("draining"))
	}
	for _, p := range h.probes {
		note(p.name, p.ok(ctx))
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprint(w, text)
}
