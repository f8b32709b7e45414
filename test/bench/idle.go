package main

import (
	"flag"
	"fmt"
	"slices"
	"time"
)

// idleSettings are the load of the idle measurement.
type idleSettings struct {
	few, many       int
	settle, patient time.Duration
	bare            bool
}

func (s *idleSettings) flags(f *flag.FlagSet) {
	f.IntVar(&s.few, "few", 2_000, "participants at the first reading, a multiple of 4")
	f.IntVar(&s.many, "many", 18_000, "participants at the second reading, a multiple of 4")
	f.DurationVar(&s.settle, "settle", 130*time.Second,
		"least wait before a reading; Go collects an idle heap every two minutes, and before that what the joins left over counts as memory of the idle")
	f.DurationVar(&s.patient, "patience", 5*time.Minute, "longest wait for readings to become stable")
	f.BoolVar(&s.bare, "bare", true, "measure the bare relay as well")
}

func (s *idleSettings) check() error {
	const roomSeats, descriptors = 4, 19_900
	if s.few < roomSeats || s.many <= s.few || s.few%roomSeats != 0 || s.many%roomSeats != 0 || s.many > descriptors {
		return fmt.Errorf("-few %d and -many %d must be ascending multiples of %d, at most %d", s.few, s.many, roomSeats, descriptors)
	}
	return nil
}

// idleReading is the memory of a server at rest with so many participants.
type idleReading struct {
	participants int
	memory       residentBytes
}

func (w *workshop) idle(s idleSettings) ([]row, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	const promisedBytes = 1400
	rows, perParticipant, err := w.idleOf(w.tested(), s)
	if err != nil {
		return nil, err
	}
	rows[0].target, rows[0].verdict = "≤ 1 400 B", verdictOf(perParticipant <= promisedBytes)
	var others []kind
	if w.older != "" {
		others = append(others, kindOlder)
	}
	if s.bare {
		others = append(others, kindBare)
	}
	for _, k := range others {
		more, _, err := w.idleOf(k, s)
		if err != nil {
			return rows, err
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

// idleOf measures one server; the first row is the slope between the two readings.
func (w *workshop) idleOf(k kind, s idleSettings) ([]row, float64, error) {
	server, err := w.start(k)
	if err != nil {
		return nil, 0, err
	}
	defer server.stop()
	l, err := newLoop(w.ctx, server.address)
	if err != nil {
		return nil, 0, err
	}
	defer l.Close()
	few, many, err := w.idleReadings(l, server, s)
	if err != nil {
		return nil, 0, server.explain(err)
	}
	slope := func(few, many int64) float64 { return float64(many-few) / float64(s.many-s.few) }
	total := slope(few.memory.RSS, many.memory.RSS)
	return []row{
		{what: fmt.Sprintf("idle: RSS of %s for one more idle participant in rooms of four", k),
			measured: fmt.Sprintf("%.0f B (anonymous %.0f B, files %.0f B)", total,
				slope(few.memory.Anon, many.memory.Anon), slope(few.memory.File, many.memory.File))},
		{what: fmt.Sprintf("idle: RSS of %s with %d and with %d", k, s.few, s.many),
			measured: fmt.Sprintf("%s and %s", mebibytes(few.memory.RSS), mebibytes(many.memory.RSS))},
	}, total, nil
}

func (w *workshop) idleReadings(l *loop, server *server, s idleSettings) (few, many idleReading, err error) {
	var c crew
	var rooms []*room
	keepAlive(l, &rooms)
	read := func(participants int) (idleReading, error) {
		more, err := seatRooms(l, server, participants/4-len(rooms), 4, &c)
		if err != nil {
			return idleReading{}, err
		}
		rooms = append(rooms, more...)
		memory, stable, err := settled(l, server.pid, s.settle, s.patient)
		note := ""
		if !stable {
			note = ", not stable yet"
		}
		progress("idle: %s with %d participants: %v%s\n", server.kind, participants, memory, note)
		return idleReading{participants, memory}, err
	}
	if few, err = read(s.few); err != nil {
		return few, many, err
	}
	many, err = read(s.many)
	return few, many, err
}

// keepAlive sends the PING of every seat each half a minute, evenly spread,
// as the extension does: a participant that sends nothing at all is dropped.
func keepAlive(l *loop, rooms *[]*room) {
	const interval, slices = 30 * time.Second, 300
	slot := 0
	l.tickEvery = interval / slices
	l.tick = func(now time.Time) {
		slot = (slot + 1) % slices
		for i := slot; i < len(*rooms); i += slices {
			r := (*rooms)[i]
			for j := range r.seats {
				if s := &r.seats[j]; s.state == seated {
					s.conn.send(opText, fmt.Appendf(nil, `{"type":"PING","timestamp":%d}`, now.UnixMilli()))
				}
			}
		}
	}
}

// settled waits until the memory of a process has stopped changing: after the least
// wait, all readings of ten seconds within half a percent. It returns their median.
func settled(l *loop, pid int, least, longest time.Duration) (memory residentBytes, stable bool, err error) {
	const every, window = 500 * time.Millisecond, 20
	var readings []residentBytes
	for start := time.Now(); ; {
		if err := l.runFor(every); err != nil {
			return memory, false, err
		}
		reading, err := resident(pid)
		if err != nil {
			return memory, false, err
		}
		readings = append(readings, reading)
		readings = readings[max(0, len(readings)-window):]
		stable = len(readings) == window && within(readings, 0.005)
		if waited := time.Since(start); waited >= least && stable || waited >= longest {
			return middle(readings), stable, nil
		}
	}
}

func within(readings []residentBytes, fraction float64) bool {
	byRSS := sortedByRSS(readings)
	low, high := byRSS[0].RSS, byRSS[len(byRSS)-1].RSS
	return float64(high-low) <= fraction*float64(high)
}

// middle is the reading with the median RSS.
func middle(readings []residentBytes) residentBytes {
	return sortedByRSS(readings)[len(readings)/2]
}

func sortedByRSS(readings []residentBytes) []residentBytes {
	return slices.SortedFunc(slices.Values(readings), func(a, b residentBytes) int { return int(a.RSS - b.RSS) })
}
