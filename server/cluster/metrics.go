package cluster

import (
	"github.com/prometheus/client_golang/prometheus"

	"usher/server/metrics"
)

// metric is one row of /metrics.
type metric struct {
	description *prometheus.Desc
	kind        prometheus.ValueType
	value       func(*Node) float64
	row         metrics.Row
}

func counter(name, help string, value func(*Node) uint64) metric {
	return newMetric(metrics.Row{Name: name, Help: help, Kind: "counter", Part: metrics.InCluster},
		prometheus.CounterValue, func(n *Node) float64 { return float64(value(n)) })
}

func gauge(name, help string, value func(*Node) float64) metric {
	return newMetric(metrics.Row{Name: name, Help: help, Kind: "gauge", Part: metrics.InCluster}, prometheus.GaugeValue, value)
}

func newMetric(row metrics.Row, kind prometheus.ValueType, value func(*Node) float64) metric {
	return metric{prometheus.NewDesc(row.Name, row.Help, nil, nil), kind, value, row}
}

// handOverTimes has no value.
var handOverTimes = newMetric(metrics.Row{
	Name: "usher_cluster_hand_over_seconds", Kind: "histogram", Part: metrics.InCluster,
	Help: "How long a shard's rooms were frozen on this node until their last state was stored, so that another node could have them.",
}, 0, nil)

var metricRows = []metric{
	gauge("usher_cluster_lease_seconds", "How long this node may still act for its rooms; 0 while it is silent.",
		func(n *Node) float64 { return max(0, float64(n.validUntil.Load()-n.clock.now())/1e9) }),
	gauge("usher_cluster_shards", "Shards that this node owns, of 1 024.", func(n *Node) float64 { return float64(n.shards()) }),
	gauge("usher_cluster_clock_ahead_seconds", "How far this node's clock is ahead of that of the stream's leader, looked at each minute; negative if it is behind.",
		func(n *Node) float64 { return float64(n.counts.skew.Load()) / 1e9 }),
	gauge("usher_cluster_links", "Nodes that a link is open with.", func(n *Node) float64 { return float64(n.links.Stats().Links) }),
	gauge("usher_cluster_links_direct", "Nodes that this one sends frames to over a connection of its own and not over NATS.",
		func(n *Node) float64 { return float64(n.directly()) }),
	gauge("usher_cluster_connections_elsewhere", "Connections of this node to rooms of other nodes.",
		func(n *Node) float64 { return float64(n.links.Stats().Sessions) }),
	gauge("usher_cluster_connections_from_elsewhere", "Connections of other nodes to rooms of this one.",
		func(n *Node) float64 { return float64(n.links.Stats().Sockets) }),
	counter("usher_cluster_link_breaks_total", "Links that broke while they were in use.",
		func(n *Node) uint64 { return n.links.Stats().Breaks }),
	counter("usher_cluster_messages_dropped_total", "Messages and items of other nodes that were not taken.",
		func(n *Node) uint64 { return n.links.Stats().Dropped }),
	counter("usher_cluster_hand_overs_total", "Shards that this node handed over.", func(n *Node) uint64 { return n.counts.handedOver.Load() }),
	counter("usher_cluster_evictions_total", "How often other nodes took this one for dead.", func(n *Node) uint64 { return n.counts.evicted.Load() }),
	counter("usher_cluster_silences_total", "How often the lease expired.", func(n *Node) uint64 { return n.counts.suspended.Load() }),
	counter("usher_cluster_unknown_writes_total", "Writes of leases and of the table whose outcome was not known in time.",
		func(n *Node) uint64 { return n.counts.unknown.Load() }),
	counter("usher_cluster_room_writes_total", "Writes of rooms that are durable.", func(n *Node) uint64 { return n.stream.Stats().Stored }),
	counter("usher_cluster_room_claims_total", "Rooms taken from an earlier owner.", func(n *Node) uint64 { return n.stream.Stats().Claims }),
	counter("usher_cluster_room_write_retries_total", "Tries of a room's write after its first.", func(n *Node) uint64 { return n.stream.Stats().Retries }),
	counter("usher_cluster_room_writes_fenced_total", "Writes of rooms that came too late: the room has a newer owner.",
		func(n *Node) uint64 { return n.stream.Stats().Fenced }),
	counter("usher_cluster_room_writes_given_up_total", "Writes of rooms whose outcome was not known in time.",
		func(n *Node) uint64 { return n.stream.Stats().GivenUp }),
	counter("usher_cluster_room_writes_lost_total", "Writes that the stream had acknowledged and no longer had.",
		func(n *Node) uint64 { return n.stream.Stats().Lost }),
	gauge("usher_cluster_outbox_bytes", "Webhooks of this node's rooms that are not in the queue yet.",
		func(n *Node) float64 { return float64(n.stream.Stats().OutboxBytes) }),
}

// MetricRows describes what a node shows.
func MetricRows() (rows []metrics.Row) {
	for i := range metricRows {
		rows = append(rows, metricRows[i].row)
	}
	return append(rows, handOverTimes.row)
}

// Describe implements prometheus.Collector.
func (n *Node) Describe(to chan<- *prometheus.Desc) {
	for i := range metricRows {
		to <- metricRows[i].description
	}
	to <- handOverTimes.description
}

// Collect implements prometheus.Collector.
func (n *Node) Collect(to chan<- prometheus.Metric) {
	for i := range metricRows {
		m := &metricRows[i]
		to <- prometheus.MustNewConstMetric(m.description, m.kind, m.value(n))
	}
	to <- metrics.HandOverBounds.Metric(handOverTimes.description, nil, &n.counts.handOvers)
}

// shards counts the shards that this node owns.
func (n *Node) shards() (owned int) {
	for i := range n.tenures {
		if n.tenures[i].Load() != nil {
			owned++
		}
	}
	return owned
}
