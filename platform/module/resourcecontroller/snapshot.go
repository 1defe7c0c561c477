package resourcecontroller

import (
	"cmp"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fcstack/fcstack/platform/fc"
)

// Snapshot is what a Controller has at one moment, by account and function.
type Snapshot []FunctionState

// FunctionState is the state of one function, all versions together.
type FunctionState struct {
	Account, Function string
	Starting          int
	Stopping          int
	Waiting           int // Acquire calls
	Instances         []InstanceState
}

// InstanceState is an instance that takes calls.
type InstanceState struct {
	ID          fc.InstanceID
	Version     fc.VersionRef
	Node        fc.NodeID
	Concurrency int
	Granted     int // rights
}

// Granted sums the rights granted.
func (s FunctionState) Granted() int {
	n := 0
	for _, i := range s.Instances {
		n += i.Granted
	}
	return n
}

// Snapshot tells what is there. It is for tests and for the curious.
func (c *Controller) Snapshot() Snapshot {
	var out Snapshot
	c.eachFunction(func(f *function) {
		s := FunctionState{Account: f.name.account, Function: f.name.function, Waiting: f.waiting()}
		for _, l := range f.fleets {
			s.Starting += len(l.starting)
			s.Stopping += len(l.stopping)
			for _, i := range l.instances {
				s.Instances = append(s.Instances, InstanceState{i.ID, l.ref, i.Node, i.Concurrency, i.granted})
			}
		}
		out = append(out, s)
	})
	slices.SortFunc(out, func(a, b FunctionState) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Function, b.Function))
	})
	return out
}

// Of is the state of one function; zero if it is not in use.
func (s Snapshot) Of(account, function string) FunctionState {
	for _, f := range s {
		if f.Account == account && f.Function == function {
			return f
		}
	}
	return FunctionState{Account: account, Function: function}
}

type metrics struct {
	waited   prometheus.Histogram
	started  prometheus.Histogram
	failed   prometheus.Counter
	stopped  prometheus.Counter
	refused  prometheus.Counter
	unplaced prometheus.Counter
}

func (c *Controller) register(r prometheus.Registerer) error {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "fc_owner_" + name, Help: help})
	}
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "fc_owner_" + name, Help: help, Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		})
	}
	c.metrics = metrics{
		waited:   histogram("acquire_wait_seconds", "How long callers waited for a slot that was not free."),
		started:  histogram("instance_start_seconds", "From the decision to start an instance to its being ready."),
		failed:   counter("instance_start_failures_total", "Instances that did not come up."),
		stopped:  counter("instance_stops_total", "Instances that were stopped."),
		refused:  counter("refused_total", "Calls refused because the queue of their function was full."),
		unplaced: counter("unplaced_total", "Starts called off because no node had room."),
	}
	if r == nil {
		return nil
	}
	for _, m := range []prometheus.Collector{
		c.metrics.waited, c.metrics.started, c.metrics.failed,
		c.metrics.stopped, c.metrics.refused, c.metrics.unplaced, stateCollector{c},
	} {
		if err := r.Register(m); err != nil {
			return err
		}
	}
	return nil
}

// stateCollector counts when it is asked, so that nothing is counted on the way of a call.
type stateCollector struct{ c *Controller }

var (
	instancesDesc = prometheus.NewDesc("fc_owner_instances", "Instances by state.", []string{"state"}, nil)
	waitingDesc   = prometheus.NewDesc("fc_owner_waiting", "Callers that wait for a slot.", nil, nil)
	grantedDesc   = prometheus.NewDesc("fc_owner_granted_rights", "Rights in slots that have not ended.", nil, nil)
)

func (s stateCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- instancesDesc
	ch <- waitingDesc
	ch <- grantedDesc
}

func (s stateCollector) Collect(ch chan<- prometheus.Metric) {
	var running, starting, stopping, waiting, granted int
	for _, f := range s.c.Snapshot() {
		running += len(f.Instances)
		starting += f.Starting
		stopping += f.Stopping
		waiting += f.Waiting
		granted += f.Granted()
	}
	gauge := func(d *prometheus.Desc, n int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
	}
	gauge(instancesDesc, running, "running")
	gauge(instancesDesc, starting, "starting")
	gauge(instancesDesc, stopping, "stopping")
	gauge(waitingDesc, waiting)
	gauge(grantedDesc, granted)
}
