package main

import (
	"errors"
	"fmt"
	"time"
)

// joinsAtOnce measures joins from the connection to the reply, 64 at a time, each room's four one
// after another.
func (c *comparison) joinsAtOnce() error {
	const atOnce, seats = 64, 4
	loads, end, err := c.running(c.peers, false)
	if err != nil {
		return err
	}
	defer end()
	for _, l := range loads { // one round that is not counted, for the compilers in the servers
		err := l.seat(l.newPeople("warm", c.s.joins/seats, seats), atOnce)
		if err = errors.Join(err, l.leave()); err != nil {
			if err = c.drop("joins", l, l.server.explain(err)); err != nil {
				return err
			}
		}
	}
	return c.eachRound("joins", loads, func(i int, l *peerLoad) error {
		rooms := l.newPeople(fmt.Sprint("joins-", i), c.s.joins/seats, seats)
		cost, err := l.measured(func() error { return l.seat(rooms, atOnce) })
		if err != nil {
			return err
		}
		c.add("joins", "rate", l.peer, perSecond(c.s.joins, cost.wall))
		c.addCosts("joins", l, cost, c.s.joins)
		return l.leave()
	})
}

// joinsPaced measures joins far from the most that the server can take. Those of a room are far
// apart: first everybody's first, then everybody's second.
func (c *comparison) joinsPaced() error {
	const rate, seats = 200, 4
	loads, end, err := c.running(c.peers, false)
	if err != nil {
		return err
	}
	defer end()
	rooms := max(1, int(c.s.seconds.Seconds()*rate)/seats)
	return c.eachRound("pace", loads, func(i int, l *peerLoad) error {
		people := l.newPeople(fmt.Sprint("paced-", i), rooms, seats)
		cost, err := l.measured(func() error { return l.joinPaced(people, rate) })
		if err != nil {
			return err
		}
		c.addCosts("pace", l, cost, rooms*seats)
		c.addLatencies("pace", l)
		return l.leave()
	})
}

func (l *peerLoad) joinPaced(rooms [][]*person, rate int) error {
	count, seats := len(rooms)*len(rooms[0]), 0
	report := l.joined
	defer func() { l.joined, l.loop.due = report, nil }()
	l.joined = func(p *person) {
		l.latencies = append(l.latencies, time.Since(p.asked))
		seats++
	}
	start, sent := time.Now(), 0
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second / time.Duration(rate)) }
	l.loop.due = func(now time.Time) time.Time {
		for ; sent < count && !at(sent).After(now); sent++ {
			p := rooms[sent%len(rooms)][sent/len(rooms)]
			if p.seat > 0 && rooms[sent%len(rooms)][0].state != seated {
				return now.Add(time.Millisecond) // the room is not made yet
			}
			l.late = append(l.late, now.Sub(at(sent)))
			p.dial()
		}
		if sent == count {
			return time.Time{}
		}
		return at(sent)
	}
	return l.loop.run(func() bool { return seats == count })
}

// crash measures how long it takes until everybody is seated again after the server was killed and
// started again. Nobody waits: whoever loses the connection returns as soon as somebody could.
func (c *comparison) crash() error {
	for _, p := range c.peers {
		for range min(c.s.rounds, 3) {
			if err := c.crashOnce(p); err != nil {
				if err = c.leaveOut("crash", p, err); err != nil {
					return err
				}
				break
			}
		}
		progress("crash: %s\n", p.about().Name)
	}
	return nil
}

func (c *comparison) crashOnce(p peer) error {
	loads, end, err := c.running([]peer{p}, false)
	if err != nil {
		return err
	}
	defer end()
	l := loads[0]
	if err := l.seat(l.newPeople("crash", c.s.crash/4, 4), 16); err != nil {
		return l.server.explain(err)
	}
	// What a server writes behind would be lost with any crash: it is given the time.
	if err := l.loop.runFor(300 * time.Millisecond); err != nil {
		return err
	}
	back := newReturn(l)
	start := time.Now()
	l.server.kill()
	if err := c.kit.launch(p, l.server); err != nil {
		return err
	}
	if err := l.loop.run(back.complete); err != nil {
		return l.server.explain(err)
	}
	c.add("crash", "seconds", p, time.Since(start).Seconds())
	if len(l.streams) == 0 {
		return nil
	}
	const patience = 2 * time.Second
	until := time.Now().Add(patience)
	err = l.loop.run(func() bool { return l.arrivals == len(l.streams) || time.Now().After(until) })
	c.add("crash", "arrived", p, 100*float64(l.arrivals)/float64(len(l.streams)))
	return err
}

// comeback is how people return after a crash: one tries until it is connected, then all do.
type comeback struct {
	load    *peerLoad
	away    []*person
	dialing int
	seats   int
	first   bool // somebody has got through
}

// returnsAtOnce bounds the connections that are being made.
const returnsAtOnce = 64

func newReturn(l *peerLoad) *comeback {
	b := &comeback{load: l}
	l.loop.tolerant = true
	l.lost = func(p *person, was seatState, _ int) {
		if was != seated {
			b.dialing--
		}
		b.away = append(b.away, p)
	}
	l.joined = func(p *person) {
		b.seats, b.dialing = b.seats+1, b.dialing-1
		if !b.first {
			b.first = true
			b.greet(p)
		}
	}
	l.loop.tickEvery, l.loop.tick = 2*time.Millisecond, func(time.Time) { b.dial() }
	return b
}

// keeper is a peer that promises to keep what is sent to somebody who is still away.
type keeper interface{ keeps() }

// greet lets the first to return send an offer to each of the room, who are still away.
func (b *comeback) greet(p *person) {
	if _, ok := b.load.peer.(keeper); !ok {
		return
	}
	for _, other := range b.load.people {
		if other.room == p.room && other != p {
			s := b.load.newOffers(p, other)
			b.load.streams = append(b.load.streams, s)
			s.sendOne()
		}
	}
}

func (b *comeback) dial() {
	most := 1
	if b.first {
		most = returnsAtOnce
	}
	for b.dialing < most && len(b.away) > 0 {
		p := b.away[0]
		b.away = b.away[1:]
		b.dialing++
		p.dial()
	}
}

func (b *comeback) complete() bool {
	if b.first {
		b.dial()
	}
	return b.seats == len(b.load.people)
}
