package metrics

import (
	"time"

	"usher/protocol"
)

// Flow counts how long messages take, for one goroutine that reads sockets: goroutines on several
// cores would slow each other down if they all counted in the same place. Any goroutine may use
// any Flow. A nil one counts nothing.
type Flow struct {
	relays   Histogram
	messages [protocol.Types]Histogram
	_        [56]byte
}

// Handled counts a message of a type, which took that long from its arrival until all that it
// caused was written.
func (f *Flow) Handled(t protocol.Type, took time.Duration) {
	if f == nil {
		return
	}
	if t >= protocol.Types {
		t = 0
	}
	f.messages[t].Observe(stepBounds, took, 1)
}

// Relayed counts frames that were passed on, from their arrival until they were written.
func (f *Flow) Relayed(took time.Duration, frames int) {
	if f != nil {
		f.relays.Observe(stepBounds, took, frames)
	}
}

// Flow returns the i-th Flow, counted as often around as needed, nil if no times are taken.
func (m *Metrics) Flow(i int) *Flow {
	if m.untimed {
		return nil
	}
	return &m.flows[i%len(m.flows)]
}

// Ns is a clock for the times that Metrics counts: nanoseconds since some moment, and 0 if no times
// are taken.
func (m *Metrics) Ns() int64 {
	if m.untimed {
		return 0
	}
	return int64(time.Since(m.started)) + 1
}

// since returns how long ago something was by Ns.
func (m *Metrics) since(ns int64) time.Duration { return time.Duration(m.Ns() - ns) }

// RelayedLate counts a frame that was passed on after it had waited for a commit since a time by
// Ns, 0 for not known.
func (m *Metrics) RelayedLate(since int64) {
	if since != 0 {
		m.Flow(0).Relayed(m.since(since), 1)
	}
}

// Seated counts a seat whose client connected at a time by Ns, and which may be seen now; held if
// it was taken before.
func (m *Metrics) Seated(held bool, since int64) {
	i := 0
	if held {
		i = 1
	}
	m.seatTimes[i].Observe(seatBounds, m.since(since), 1)
}

// Returned counts the owner of a seat who is back after that many milliseconds.
func (m *Metrics) Returned(afterMs int64) {
	if !m.untimed {
		m.absences.Observe(absenceBounds, time.Duration(afterMs)*time.Millisecond, 1)
	}
}

// PathExplained counts a pair that was told why it has no direct path.
func (m *Metrics) PathExplained(reason protocol.PathReason) { m.paths[reason].Add(1) }

// SeatExpired counts a seat whose owner did not come back.
func (m *Metrics) SeatExpired() { m.expired.Add(1) }

// Changed counts a change of a room that is safely stored now and was made at a time by Ns. t is
// the type of the message that asked for it, 0 for none.
func (m *Metrics) Changed(t protocol.Type, since int64) {
	took := m.since(since)
	m.saveTimes.Observe(commitBounds, took, 1)
	if t != 0 {
		m.Flow(0).Handled(t, took)
	}
}
