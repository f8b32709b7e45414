// Package metrics counts what a server does, for /metrics and for logs.
package metrics

import (
	"bytes"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"usher/protocol"
)

// Counter only grows. It fills a cache line, so that counting on one core
// does not slow down counting of something else on another.
type Counter struct {
	atomic.Uint64
	_ [56]byte
}

// Gauge goes up and down, by Add.
type Gauge struct {
	atomic.Int64
	_ [56]byte
}

// Where closes counts what protocol.Closings has no row for.
var (
	otherClose = len(protocol.Closings)
	noClose    = len(protocol.Closings) + 1
)

// Metrics is what /metrics shows. Counting on the path of a message is one
// atomic addition; names and labels are put to the numbers at the scrape.
type Metrics struct {
	// rooms in memory, open WebSocket connections, and seats, held ones included.
	Rooms, Connections, Participants Gauge
	// WaitingBytes is what waits for commits in all rooms. What many wait for counts once.
	WaitingBytes Gauge

	received [protocol.Types]Counter // by type; 0 is no message
	// by index in protocol.Codes, past it any other
	errors, undelivered, iceRefusals []Counter
	// by index in protocol.Closings, then other, then none
	closes                              []Counter
	frames, joins, saves, failedCommits Counter
	SocketsRefused, MadeWay             Counter

	commits      prometheus.Histogram
	requests     *prometheus.CounterVec
	indexOfCode  map[protocol.Code]int
	indexOfClose map[protocol.CloseCode]int
	registry     *prometheus.Registry
}

// New returns Metrics that nothing has been counted by.
func New() *Metrics {
	m := &Metrics{
		errors:       make([]Counter, len(protocol.Codes)+1),
		undelivered:  make([]Counter, len(protocol.Codes)+1),
		iceRefusals:  make([]Counter, len(protocol.Codes)+1),
		closes:       make([]Counter, len(protocol.Closings)+2),
		indexOfCode:  make(map[protocol.Code]int),
		indexOfClose: make(map[protocol.CloseCode]int),
		registry:     prometheus.NewRegistry(),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "usher_commit_seconds",
			Help: "How long one commit of the room store took, its fsync included.",
			// An fsync takes from 50 µs on a good SSD to seconds on a busy disk.
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12),
		}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_http_requests_total",
			Help: "HTTP requests by route and status; 101 is a WebSocket, aborted one cut off before its response.",
		}, []string{"route", "status"}),
	}
	for i, refusal := range protocol.Codes {
		m.indexOfCode[refusal.Code] = i
	}
	for i, closing := range protocol.Closings {
		m.indexOfClose[closing.Code] = i
	}
	m.registry.MustRegister(collectors.NewGoCollector(), m.commits, m.requests,
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.describe()
	return m
}

// Register shows what another part of the server has counted.
func (m *Metrics) Register(c prometheus.Collector) { m.registry.MustRegister(c) }

// describe gives every number its name, help and label.
func (m *Metrics) describe() {
	m.showGauge("usher_rooms", "Rooms in memory.", &m.Rooms)
	m.showGauge("usher_connections", "Open WebSocket connections.", &m.Connections)
	m.showGauge("usher_participants", "Seats, those held for somebody to return included.", &m.Participants)

	m.showGauge("usher_waiting_bytes", "Bytes of frames that wait for commits.", &m.WaitingBytes)

	for i := range m.received {
		name := protocol.Type(i).String()
		if name == "" {
			name = "invalid"
		}
		m.showCounter("usher_messages_received_total", "Messages from clients, by type.", "type", name, &m.received[i])
	}
	for i := range m.errors {
		code := "other"
		if i < len(protocol.Codes) {
			code = string(protocol.Codes[i].Code)
		}
		m.showCounter("usher_errors_total", "ERROR messages sent, by code.", "code", code, &m.errors[i])
		m.showCounter("usher_undelivered_total", "UNDELIVERED messages sent, by code.", "code", code, &m.undelivered[i])
		if i == len(protocol.Codes) || protocol.Codes[i].Status != 0 {
			m.showCounter("usher_ice_refusals_total", "Requests for ICE servers that were refused, by code.", "code", code, &m.iceRefusals[i])
		}
	}
	for i := range m.closes {
		code := "other"
		if i < len(protocol.Closings) {
			code = strconv.Itoa(int(protocol.Closings[i].Code))
		} else if i == noClose {
			code = "none"
		}
		m.showCounter("usher_closes_total", "Connections closed, by close code; none is without a close frame.",
			"code", code, &m.closes[i])
	}
	m.showCounter("usher_frames_relayed_total", "Frames passed on from one client to another.", "", "", &m.frames)
	m.showCounter("usher_joins_total", "Seats taken; returns to a held seat are not counted.", "", "", &m.joins)
	m.showCounter("usher_saves_total", "Room snapshots committed.", "", "", &m.saves)
	m.showCounter("usher_sockets_refused_total",
		"Sockets closed at once: their address has or opens too many, or memory is nearly used up.", "", "", &m.SocketsRefused)
	m.showCounter("usher_sockets_made_way_total",
		"Sockets without a seat closed for newer ones of their address.", "", "", &m.MadeWay)
	m.showCounter("usher_commits_failed_total", "Commits of the room store that failed.", "", "", &m.failedCommits)
}

func (m *Metrics) showGauge(name, help string, g *Gauge) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
		func() float64 { return float64(g.Load()) }))
}

func (m *Metrics) showCounter(name, help, label, value string, c *Counter) {
	opts := prometheus.CounterOpts{Name: name, Help: help}
	if label != "" {
		opts.ConstLabels = prometheus.Labels{label: value}
	}
	m.registry.MustRegister(prometheus.NewCounterFunc(opts, func() float64 { return float64(c.Load()) }))
}

// MessageReceived counts a message from a client; 0 is one that is no message.
func (m *Metrics) MessageReceived(t protocol.Type) {
	if t >= protocol.Types {
		t = 0
	}
	m.received[t].Add(1)
}

// FramesRelayed counts n frames passed on.
func (m *Metrics) FramesRelayed(n int) { m.frames.Add(uint64(n)) }

// ErrorSent counts an ERROR message.
func (m *Metrics) ErrorSent(code protocol.Code) { m.errors[m.codeIndex(code)].Add(1) }

// UndeliveredSent counts an UNDELIVERED message.
func (m *Metrics) UndeliveredSent(code protocol.Code) { m.undelivered[m.codeIndex(code)].Add(1) }

// ICERefused counts a request for ICE servers that was refused.
func (m *Metrics) ICERefused(code protocol.Code) { m.iceRefusals[m.codeIndex(code)].Add(1) }

func (m *Metrics) codeIndex(code protocol.Code) int {
	if i, ok := m.indexOfCode[code]; ok {
		return i
	}
	return len(protocol.Codes)
}

// ConnClosed counts the end of a connection by the close code that was sent
// or, when the client closed first, received; 0 is an end without one.
func (m *Metrics) ConnClosed(code protocol.CloseCode) {
	i, ok := m.indexOfClose[code]
	switch {
	case code == 0:
		i = noClose
	case !ok:
		i = otherClose
	}
	m.closes[i].Add(1)
}

// Joined counts a new seat.
func (m *Metrics) Joined() { m.joins.Add(1) }

// Committed counts one commit of n rooms' snapshots.
func (m *Metrics) Committed(n int, took time.Duration) {
	m.saves.Add(uint64(n))
	m.commits.Observe(took.Seconds())
}

// CommitFailed counts a commit that failed.
func (m *Metrics) CommitFailed() { m.failedCommits.Add(1) }

// Requested counts an HTTP request by the route's pattern, "" if none
// matched, and its status, 0 if it was cut off.
func (m *Metrics) Requested(route string, status int) {
	if route == "" {
		route = "other"
	}
	label := "aborted"
	if status != 0 {
		label = strconv.Itoa(status)
	}
	m.requests.WithLabelValues(route, label).Inc()
}

// Handler answers GET /metrics. One scrape is put together at a time, and sent when the next may
// be.
func (m *Metrics) Handler() http.Handler {
	scrape := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	underWay := make(chan struct{}, 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case underWay <- struct{}{}:
		case <-r.Context().Done():
			return
		}
		page := &heldResponse{header: w.Header()}
		func() {
			defer func() { <-underWay }()
			scrape.ServeHTTP(page, r)
		}()
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(max(page.status, http.StatusOK))
		_, _ = w.Write(page.body.Bytes()) // the client may be gone
	})
}

// heldResponse keeps a response to be sent later.
type heldResponse struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *heldResponse) Header() http.Header         { return r.header }
func (r *heldResponse) WriteHeader(status int)      { r.status = status }
func (r *heldResponse) Write(b []byte) (int, error) { return r.body.Write(b) }
