package nodeagent

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fcstack/fcstack/platform/fc"
)

// metrics are what an operator sees of an agent.
type metrics struct {
	starts *prometheus.CounterVec
	took   prometheus.Histogram
}

func newMetrics(r prometheus.Registerer, t *table) (*metrics, error) {
	m := &metrics{
		starts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fc_node_instance_starts_total",
			Help: "Instances started, by outcome: ok, function (its own fault) or platform.",
		}, []string{"outcome"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "fc_node_instance_start_seconds",
			Help:    "Time from the order to start an instance until it can take calls.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}),
	}
	if r == nil {
		return m, nil
	}
	running := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fc_node_instances",
		Help: "Instances on this node, starting and ending ones included.",
	}, func() float64 { return float64(t.size.Load()) })
	for _, c := range []prometheus.Collector{m.starts, m.took, running} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics of the node agent: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) started(err error, took time.Duration) {
	outcome := "platform"
	if err == nil {
		outcome = "ok"
		m.took.Observe(took.Seconds())
	} else if _, its := errors.AsType[*fc.Failure](err); its {
		outcome = "function"
	}
	m.starts.WithLabelValues(outcome).Inc()
}
