package metrics

import "github.com/prometheus/client_golang/prometheus"

// Webhooks counts what is sent to the operator's receiver.
type Webhooks struct {
	// Delivered and Failed are requests. SetAside are messages that were tried for too long.
	Delivered, Failed, SetAside Counter
	// Failing is 1 while the last request has failed.
	Failing Gauge
}

// ShowWebhooks returns new counters, which /metrics shows, with how many messages wait and how many
// were dropped because the queue was full.
func (m *Metrics) ShowWebhooks(waiting func() int, dropped func() uint64) *Webhooks {
	defer m.in(WithWebhooks)()
	w := new(Webhooks)
	const help = "Requests to the receiver of webhooks, by result."
	m.showCounter("usher_webhook_requests_total", help, "result", "delivered", &w.Delivered)
	m.showCounter("usher_webhook_requests_total", help, "result", "failed", &w.Failed)
	m.showCounter("usher_webhook_messages_set_aside_total", "Webhooks that were not received for webhook-retry-for.", "", "", &w.SetAside)
	m.showGauge("usher_webhook_failing", "1 while the last request to the receiver of webhooks has failed.", &w.Failing)
	depth := prometheus.GaugeOpts{Name: "usher_webhook_messages_waiting", Help: "Webhooks in the queue, which in a cluster is that of all nodes."}
	m.Register(prometheus.NewGaugeFunc(depth, func() float64 { return float64(waiting()) }),
		Row{Name: depth.Name, Help: depth.Help, Kind: "gauge", Part: m.part})
	lost := prometheus.CounterOpts{Name: "usher_webhook_messages_dropped_total", Help: "Webhooks that were dropped because the queue was full, or could not be written for long."}
	m.Register(prometheus.NewCounterFunc(lost, func() float64 { return float64(dropped()) }),
		Row{Name: lost.Name, Help: lost.Help, Kind: "counter", Part: m.part})
	return w
}
