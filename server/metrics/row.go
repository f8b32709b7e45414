package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Part says which servers have a metric.
type Part string

// The parts, as the titles of their tables.
const (
	Everywhere   Part = "Every server"
	WithAuditLog Part = "With an audit log"
	WithTraces   Part = "With traces"
	WithWebhooks Part = "With webhooks"
	WithTURN     Part = "With the embedded TURN server"
	WithFlights  Part = "With the flight recorder"
	InCluster    Part = "In a cluster"
)

// Row is one metric as docs/metrics.md describes it, without those of Go and of the process.
type Row struct {
	Name, Help string
	// Kind is "counter", "gauge" or "histogram".
	Kind string
	// Labels are the names of its labels.
	Labels []string
	Part   Part
}

// Rows returns all metrics that m shows, in the order in which they came.
func (m *Metrics) Rows() []Row { return slices.Clone(m.rows) }

// in makes the metrics that are shown from now on those of a part, until the function is called.
func (m *Metrics) in(part Part) (done func()) {
	m.part = part
	return func() { m.part = Everywhere }
}

// row adds a row unless another value of its label has added it already.
func (m *Metrics) row(r Row) {
	if !slices.ContainsFunc(m.rows, func(known Row) bool { return known.Name == r.Name }) {
		m.rows = append(m.rows, r)
	}
}

// Register shows what another part of the server has counted.
func (m *Metrics) Register(c prometheus.Collector, rows ...Row) {
	m.registry.MustRegister(c)
	for _, r := range rows {
		m.row(r)
	}
}

// labelled returns the names of the labels, none for "".
func labelled(label string) []string {
	if label == "" {
		return nil
	}
	return []string{label}
}

func (m *Metrics) showGauge(name, help string, g *Gauge) {
	m.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
		func() float64 { return float64(g.Load()) }), Row{Name: name, Help: help, Kind: "gauge", Part: m.part})
}

func (m *Metrics) showCounter(name, help, label, value string, c *Counter) {
	opts := prometheus.CounterOpts{Name: name, Help: help}
	if label != "" {
		opts.ConstLabels = prometheus.Labels{label: value}
	}
	m.Register(prometheus.NewCounterFunc(opts, func() float64 { return float64(c.Load()) }),
		Row{Name: name, Help: help, Kind: "counter", Labels: labelled(label), Part: m.part})
}

// showTimes shows histograms with the same name, by the value of their label.
func (m *Metrics) showTimes(name, help, label string, bounds Bounds, all ...series) {
	m.Register(&timed{prometheus.NewDesc(name, help, labelled(label), nil), bounds, all},
		Row{Name: name, Help: help, Kind: "histogram", Labels: labelled(label), Part: m.part})
}
