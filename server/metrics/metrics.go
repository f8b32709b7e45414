// Package metrics counts what a server does, for /metrics and for logs.
package metrics

import (
	"cmp"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"usher/protocol"
)

// Counter only grows. It fills a cache line, so that counting on one core does not slow down
// counting of something else on another.
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

// Metrics is what /metrics shows. Counting on the path of a message is one atomic addition; names
// and labels are put to the numbers at the scrape.
type Metrics struct {
	// rooms in memory, open WebSocket connections, and seats, held ones included.
	Rooms, Connections, Participants Gauge
	// WaitingBytes is what waits for commits in all rooms. What many wait for counts once.
	WaitingBytes Gauge

	received [protocol.Types]Counter // by type; 0 is no message
	// by index in protocol.Codes, past it any other
	errors, undelivered, iceRefusals []Counter
	// by index in protocol.Closings, then other, then none
	closes []Counter
	// refusals are ERROR and UNDELIVERED by the type of what they are about.
	refusals                            [protocol.Types]Counter
	frames, joins, saves, failedCommits Counter
	SocketsRefused, MadeWay             Counter
	// paths are by reason.
	paths [len(protocol.PathReasons)]Counter

	// flows have the times of messages, and the others those of what is rarer.
	flows              []Flow
	commits, saveTimes Histogram
	// seatTimes are of new seats, and of held ones.
	seatTimes [2]Histogram
	absences  Histogram
	expired   Counter
	// untimed is set if no times are taken.
	untimed bool
	started time.Time

	rows []Row
	// part is that of the rows that are added now.
	part         Part
	requests     *prometheus.CounterVec
	indexOfCode  map[protocol.Code]int
	indexOfClose map[protocol.CloseCode]int
	registry     *prometheus.Registry
}

// New returns Metrics that nothing has been counted by.
func New() *Metrics { return newMetrics(false) }

// NewUntimed returns Metrics that take no times: for a server that shows them to nobody.
func NewUntimed() *Metrics { return newMetrics(true) }

func newMetrics(untimed bool) *Metrics {
	m := &Metrics{
		flows:        make([]Flow, runtime.GOMAXPROCS(0)),
		untimed:      untimed,
		part:         Everywhere,
		started:      time.Now(),
		errors:       make([]Counter, len(protocol.Codes)+1),
		undelivered:  make([]Counter, len(protocol.Codes)+1),
		iceRefusals:  make([]Counter, len(protocol.Codes)+1),
		closes:       make([]Counter, len(protocol.Closings)+2),
		indexOfCode:  make(map[protocol.Code]int),
		indexOfClose: make(map[protocol.CloseCode]int),
		registry:     prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: requestsRow.Name, Help: requestsRow.Help,
		}, requestsRow.Labels),
	}
	for i, refusal := range protocol.Codes {
		m.indexOfCode[refusal.Code] = i
	}
	for i, closing := range protocol.Closings {
		m.indexOfClose[closing.Code] = i
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.describe()
	m.describeTimes()
	return m
}

var requestsRow = Row{
	Name: "usher_http_requests_total", Kind: "counter", Part: Everywhere, Labels: []string{"route", "status"},
	Help: "HTTP requests by route and status; 101 is a WebSocket, aborted one cut off before its response.",
}

// describe gives every number its name, help and label.
func (m *Metrics) describe() {
	m.showGauge("usher_rooms", "Rooms in memory.", &m.Rooms)
	m.showGauge("usher_connections", "Open WebSocket connections.", &m.Connections)
	m.showGauge("usher_participants", "Seats, those held for somebody to return included.", &m.Participants)

	m.showGauge("usher_waiting_bytes", "Bytes of frames that wait for commits.", &m.WaitingBytes)

	for i := range m.received {
		name := typeLabel(i)
		m.showCounter("usher_messages_received_total",
			"Messages from clients, by type; invalid is no message, or of a type that does not exist.", "type", name, &m.received[i])
		m.showCounter("usher_message_errors_total",
			"ERROR and UNDELIVERED messages sent, by the type of the message that they are about.", "type", name, &m.refusals[i])
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
	for i := range m.paths {
		m.showCounter("usher_path_reasons_total", "Pairs of people who were told by PATH why they have no direct path, or that they have one.", "reason", protocol.PathReasons[i].Name, &m.paths[i])
	}
	m.showCounter("usher_seats_expired_total", "Seats that ended because their owner did not come back in time.", "", "", &m.expired)
	m.showCounter("usher_saves_total", "Room snapshots committed.", "", "", &m.saves)
	m.showCounter("usher_sockets_refused_total",
		"Sockets closed at once: their address has or opens too many, or memory is nearly used up.", "", "", &m.SocketsRefused)
	m.showCounter("usher_sockets_made_way_total",
		"Sockets without a seat closed for newer ones of their address.", "", "", &m.MadeWay)
	m.showCounter("usher_commits_failed_total", "Commits of the room store that failed.", "", "", &m.failedCommits)
	m.Register(m.requests, requestsRow)
}

// typeLabel returns the label of a message type, or of what is none.
func typeLabel(t int) string { return cmp.Or(protocol.Type(t).String(), "invalid") }

// describeTimes does the same for the histograms.
func (m *Metrics) describeTimes() {
	if m.untimed {
		return
	}
	relays := series{}
	messages := make([]series, protocol.Types)
	for i := range m.flows {
		relays.all = append(relays.all, &m.flows[i].relays)
		for t := range messages {
			messages[t].labels = []string{typeLabel(t)}
			messages[t].all = append(messages[t].all, &m.flows[i].messages[t])
		}
	}
	m.showTimes("usher_relay_seconds",
		"Time inside the server for a frame that is passed on, from its arrival until it is written, by receiver; both on this node.",
		"", stepBounds, relays)
	m.showTimes("usher_message_seconds",
		"Time inside the server for a message, by type, until all that it causes is written; if it changes the room, until that is stored.",
		"type", stepBounds, messages...)
	m.showTimes("usher_seat_seconds",
		"Time from the WebSocket until its seat was stored and could be seen, for new seats and held ones; without those who had to knock.",
		"seat", seatBounds, series{[]string{"new"}, []*Histogram{&m.seatTimes[0]}}, series{[]string{"held"}, []*Histogram{&m.seatTimes[1]}})
	m.showTimes("usher_seat_absence_seconds",
		"How long a seat had no connection until its owner was back; after a restart since that.",
		"", absenceBounds, series{all: []*Histogram{&m.absences}})
	m.showTimes("usher_save_seconds", "How long a change of a room waited until it was safely stored.",
		"", commitBounds, series{all: []*Histogram{&m.saveTimes}})
	m.showTimes("usher_commit_seconds", "How long one commit of the room store took, its fsync included; not in a cluster.",
		"", commitBounds, series{all: []*Histogram{&m.commits}})
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

// ErrorSent counts an ERROR message for a message of a type, 0 for none.
func (m *Metrics) ErrorSent(t protocol.Type, code protocol.Code) {
	m.errors[m.codeIndex(code)].Add(1)
	m.refused(t)
}

// UndeliveredSent counts an UNDELIVERED message.
func (m *Metrics) UndeliveredSent(t protocol.Type, code protocol.Code) {
	m.undelivered[m.codeIndex(code)].Add(1)
	m.refused(t)
}

func (m *Metrics) refused(t protocol.Type) {
	if t >= protocol.Types {
		t = 0
	}
	m.refusals[t].Add(1)
}

// ICERefused counts a request for ICE servers that was refused.
func (m *Metrics) ICERefused(code protocol.Code) { m.iceRefusals[m.codeIndex(code)].Add(1) }

func (m *Metrics) codeIndex(code protocol.Code) int {
	if i, ok := m.indexOfCode[code]; ok {
		return i
	}
	return len(protocol.Codes)
}

// ConnClosed counts the end of a connection by the close code that was sent or, when the client
// closed first, received; 0 is an end without one.
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
	if !m.untimed {
		m.commits.Observe(commitBounds, took, 1)
	}
}

// CommitFailed counts a commit that failed.
func (m *Metrics) CommitFailed() { m.failedCommits.Add(1) }

// Requested counts an HTTP request by the route's pattern, "" if none matched, and its status, 0 if
// it was cut off.
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
