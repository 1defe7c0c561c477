package invoke

import "github.com/prometheus/client_golang/prometheus"

var (
	slotsDesc    = prometheus.NewDesc("fc_router_slots", "Slots held.", nil, nil)
	inFlightDesc = prometheus.NewDesc("fc_router_calls_in_flight", "Calls that hold a slot.", nil, nil)
	waitingDesc  = prometheus.NewDesc("fc_router_calls_waiting", "Calls that wait for a slot.", nil, nil)
)

// collector sums up the pools when asked, so that a call counts nothing.
type collector struct{ router *router }

func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- slotsDesc
	ch <- inFlightDesc
	ch <- waitingDesc
}

func (c *collector) Collect(ch chan<- prometheus.Metric) {
	var slots, inFlight, waiting int
	c.router.pools.Range(func(_, value any) bool {
		p := value.(*pool)
		p.mu.Lock()
		defer p.mu.Unlock()
		slots += len(p.slots)
		waiting += len(p.waiters)
		for _, s := range p.slots {
			inFlight += s.inFlight
		}
		return true
	})
	ch <- prometheus.MustNewConstMetric(slotsDesc, prometheus.GaugeValue, float64(slots))
	ch <- prometheus.MustNewConstMetric(inFlightDesc, prometheus.GaugeValue, float64(inFlight))
	ch <- prometheus.MustNewConstMetric(waitingDesc, prometheus.GaugeValue, float64(waiting))
}
