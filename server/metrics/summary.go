package metrics

import "usher/protocol"

// Summary is what a server has counted, for an operator who looks at it.
type Summary struct {
	Rooms         int64       `json:"rooms" doc:"Rooms in memory."`
	People        int64       `json:"people" doc:"Seats, those held for somebody to return included."`
	Connections   int64       `json:"connections" doc:"Open WebSocket connections."`
	WaitingBytes  int64       `json:"waitingBytes" doc:"Bytes of frames that wait for commits."`
	Messages      uint64      `json:"messages" doc:"Messages received since the start."`
	Relayed       uint64      `json:"relayed" doc:"Frames passed on since the start."`
	Joins         uint64      `json:"joins" doc:"Seats taken since the start."`
	Saves         uint64      `json:"saves" doc:"Room snapshots committed since the start."`
	FailedCommits uint64      `json:"failedCommits" doc:"Commits that failed since the start."`
	Refusals      []Refusals  `json:"refusals" doc:"The codes that were sent at least once."`
	Latencies     []Latencies `json:"latencies" doc:"How long things took since the start; empty if no times are taken."`
}

// Refusals counts what was refused with a code.
type Refusals struct {
	Code        string `json:"code" doc:"The code."`
	Errors      uint64 `json:"errors" doc:"ERROR messages with it."`
	Undelivered uint64 `json:"undelivered" doc:"UNDELIVERED messages with it."`
}

// Latencies is a histogram of durations.
type Latencies struct {
	Name     string    `json:"name" enum:"relay,save,commit,seat" doc:"What took that long: relaying a frame, storing a change, one commit, getting a seat."`
	BoundsMs []float64 `json:"boundsMs" doc:"The upper ends of the buckets in milliseconds; one more bucket has the rest."`
	Counts   []uint64  `json:"counts" doc:"How many durations each bucket has."`
	SumMs    float64   `json:"sumMs" doc:"All durations together, in milliseconds."`
}

// Summary returns what has been counted by now.
func (m *Metrics) Summary() Summary {
	s := Summary{
		Rooms: m.Rooms.Load(), People: m.Participants.Load(), Connections: m.Connections.Load(), WaitingBytes: m.WaitingBytes.Load(),
		Relayed: m.frames.Load(), Joins: m.joins.Load(), Saves: m.saves.Load(), FailedCommits: m.failedCommits.Load(),
		Refusals: []Refusals{}, Latencies: []Latencies{},
	}
	for i := range m.received {
		s.Messages += m.received[i].Load()
	}
	for i := range protocol.Codes {
		if r := (Refusals{string(protocol.Codes[i].Code), m.errors[i].Load(), m.undelivered[i].Load()}); r.Errors+r.Undelivered > 0 {
			s.Refusals = append(s.Refusals, r)
		}
	}
	if m.untimed {
		return s
	}
	relays := make([]*Histogram, len(m.flows))
	for i := range m.flows {
		relays[i] = &m.flows[i].relays
	}
	s.Latencies = append(s.Latencies, latencies("relay", stepBounds, relays...), latencies("save", commitBounds, &m.saveTimes),
		latencies("commit", commitBounds, &m.commits), latencies("seat", seatBounds, &m.seatTimes[0], &m.seatTimes[1]))
	return s
}

func latencies(name string, bounds Bounds, all ...*Histogram) Latencies {
	l := Latencies{Name: name, Counts: make([]uint64, len(bounds)+1)}
	for _, bound := range bounds {
		l.BoundsMs = append(l.BoundsMs, bound.Seconds()*1000)
	}
	for _, h := range all {
		for i := range l.Counts {
			l.Counts[i] += h.counts[i].Load()
		}
		l.SumMs += float64(h.sumNs.Load()) / 1e6
	}
	return l
}
