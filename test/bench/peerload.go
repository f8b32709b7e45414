package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"syscall"
	"time"
)

// peerLoad is one server and its people.
type peerLoad struct {
	peer   peer
	server *server
	loop   *loop
	people []*person
	// streams are those of the measurement under way.
	streams      []*stream
	broadcasting bool
	arrivals     int
	// latencies are those of the round, from send to arrival, and late how long after its time
	// each message of a paced round was sent.
	latencies, late []time.Duration
	// joined is told of each seat taken, lost of each connection that ended by itself.
	joined func(*person)
	lost   func(p *person, was seatState, code int)
	number int
	// dropped is set once it has failed a measurement.
	dropped bool
	broken  error // what failed between two rounds
	// tend responds to the pings of the servers that wait for their turn.
	tend func()
}

func newPeerLoad(ctx context.Context, p peer, s *server) (*peerLoad, error) {
	l, err := newLoop(ctx, s.address)
	if err != nil {
		return nil, err
	}
	if s.secure {
		l.tls = &tls.Config{InsecureSkipVerify: true} // the certificate is this program's own
	}
	load := &peerLoad{peer: p, server: s, loop: l}
	load.lost = func(p *person, _ seatState, code int) {
		if ctx.Err() == nil {
			p.fail("the connection of %s was closed with %d", p.id, code)
		}
	}
	load.joined = func(*person) {}
	return load, nil
}

// newPeople returns the people of rooms, who have not connected: all of a room one after another.
func (l *peerLoad) newPeople(name string, rooms, seats int) [][]*person {
	all := make([][]*person, rooms)
	for r := range all {
		for seat := range seats {
			l.number++
			p := &person{load: l, room: fmt.Sprintf("%s-%06d", name, r), seat: seat, number: l.number,
				id: fmt.Sprintf("user-%d-%09d", firstSequence, l.number)}
			all[r] = append(all[r], p)
			l.people = append(l.people, p)
		}
	}
	return all
}

// seat lets the people of each room join one after another, a number of rooms at once.
func (l *peerLoad) seat(rooms [][]*person, atOnce int) error {
	next, left := 0, 0
	for _, r := range rooms {
		left += len(r)
	}
	begin := func() {
		if next < len(rooms) {
			next++
			rooms[next-1][0].dial()
		}
	}
	byRoom := make(map[*person]*person, left)
	for _, r := range rooms {
		for i := range len(r) - 1 {
			byRoom[r[i]] = r[i+1]
		}
	}
	report := l.joined
	defer func() { l.joined = report }()
	l.joined = func(p *person) {
		left--
		report(p)
		if after := byRoom[p]; after != nil {
			after.dial()
		} else {
			begin()
		}
	}
	for range min(atOnce, len(rooms)) {
		begin()
	}
	const tendEvery = 300 * time.Millisecond
	tended := time.Now()
	return l.loop.run(func() bool {
		if l.tend != nil && time.Since(tended) > tendEvery {
			tended = time.Now()
			l.tend()
		}
		return left == 0
	})
}

// leave ends the connections as clients do, and forgets the people.
func (l *peerLoad) leave() error {
	const patience = 500 * time.Millisecond
	open := 0
	for _, p := range l.people {
		if p.state == seated {
			p.state = leaving
			p.conn.leave()
			open++
		}
	}
	end := time.Now().Add(patience)
	err := l.loop.run(func() bool {
		for open > 0 && l.people[0].state == absent {
			l.people, open = l.people[1:], open-1
		}
		return open == 0 || time.Now().After(end)
	})
	for _, c := range l.loop.conns {
		if c != nil {
			c.handler.(*person).state = leaving
			c.end()
		}
	}
	l.people, l.streams = nil, nil
	return err
}

// roundCost is what a round cost the server, and the generator.
type roundCost struct {
	wall, server, generator time.Duration
}

// load is the generator's CPU time as a part of the wall clock's.
func (c roundCost) load() float64 { return 100 * c.generator.Seconds() / c.wall.Seconds() }

// measured runs work, and measures what it cost.
func (l *peerLoad) measured(work func() error) (roundCost, error) {
	l.latencies, l.late, l.arrivals = l.latencies[:0], l.late[:0], 0
	before, err := treeCPU(l.server.pid)
	if err != nil {
		return roundCost{}, err
	}
	own, start := ownCPU(), time.Now()
	if err := work(); err != nil {
		return roundCost{}, l.server.explain(err)
	}
	wall, generator := time.Since(start), ownCPU()-own
	after, err := treeCPU(l.server.pid)
	return roundCost{wall, after - before, generator}, err
}

// burst sends count messages, with a window for each stream.
func (l *peerLoad) burst(count, window int) (roundCost, error) {
	share := max(1, count/len(l.streams))
	return l.measured(func() error {
		for _, s := range l.streams {
			s.window = window
			s.goal += share
		}
		for _, s := range l.streams {
			s.fill()
		}
		return l.loop.run(func() bool { return l.arrivals == share*len(l.streams) })
	})
}

// pace sends messages at a rate, evenly, of each stream in turn.
func (l *peerLoad) pace(rate, count int) (roundCost, error) {
	for _, s := range l.streams {
		s.window = 0
	}
	expected := 0
	return l.measured(func() error {
		start, sent := time.Now(), 0
		at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second / time.Duration(rate)) }
		l.loop.due = func(now time.Time) time.Time {
			for sent < count && !at(sent).After(now) {
				s := l.streams[sent%len(l.streams)]
				l.late = append(l.late, now.Sub(at(sent)))
				s.goal++
				s.sendOne()
				expected += len(s.inboxes)
				sent++
				now = time.Now()
			}
			if sent == count {
				return time.Time{}
			}
			return at(sent)
		}
		defer func() { l.loop.due = nil }()
		return l.loop.run(func() bool { return sent == count && l.arrivals == expected })
	})
}

// ownCPU is the CPU time of this process.
func ownCPU() time.Duration {
	t, err := cpuTime(os.Getpid())
	if err != nil {
		return 0
	}
	return t
}

func (l *peerLoad) close() { l.loop.Close() }

// kill ends the server without a word to it.
func (s *server) kill() {
	s.command.Process.Signal(syscall.SIGKILL)
	<-s.exited
}
