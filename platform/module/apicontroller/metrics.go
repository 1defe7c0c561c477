package apicontroller

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts requests. Counters are made beforehand: a warm call only adds.
type metrics struct {
	requests map[string]*[6]prometheus.Counter // by operation, then by hundreds of the status
	trigger  *[6]prometheus.Counter
}

var statusClasses = [6]string{"0xx", "1xx", "2xx", "3xx", "4xx", "5xx"}

// newMetrics tells the named operations apart; all others are one.
func newMetrics(reg prometheus.Registerer, operations []string) *metrics {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fc_api_requests_total", Help: "Requests answered, by operation and class of status.",
	}, []string{"operation", "status"})
	if reg != nil {
		reg.MustRegister(vec)
	}
	classes := func(operation string) *[6]prometheus.Counter {
		var all [6]prometheus.Counter
		for i, class := range statusClasses {
			all[i] = vec.WithLabelValues(operation, class)
		}
		return &all
	}
	m := &metrics{requests: make(map[string]*[6]prometheus.Counter), trigger: classes(triggerOperation)}
	for _, name := range append(operations, downloadOperation, otherOperation) {
		m.requests[name] = classes(name)
	}
	return m
}

func (m *metrics) count(operation string, status int) {
	counters := m.trigger
	if operation != triggerOperation {
		if counters = m.requests[operation]; counters == nil {
			counters = m.requests[otherOperation]
		}
	}
	if class := status / 100; class > 0 && class < len(counters) {
		counters[class].Inc()
	}
}
