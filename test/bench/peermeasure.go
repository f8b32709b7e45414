package main

import (
	"fmt"
	"slices"
	"time"
)

// peerPairs is how many pairs of people exchange offers, two in each room of four.
const peerPairs = 40

// measurement is one part of the comparison.
type measurement struct {
	name string
	run  func(*comparison) error
}

var measurements = []measurement{
	{"closed", (*comparison).relayClosed},
	{"2000", func(c *comparison) error { return c.relayAt("2000", 2000, false) }},
	{"5000", func(c *comparison) error { return c.relayAt("5000", 5000, false) }},
	{"broadcast", (*comparison).broadcast},
	{"tls", func(c *comparison) error { return c.relayAt("tls", 2000, true) }},
	{"joins", (*comparison).joinsAtOnce},
	{"pace", (*comparison).joinsPaced},
	{"crash", (*comparison).crash},
	{"idle", (*comparison).idlePeople},
}

func measureNames() []string {
	return []string{"closed", "2000", "5000", "broadcast", "tls", "joins", "pace", "crash", "idle"}
}

// running starts the servers of the peers and their loads. close ends them all.
func (c *comparison) running(peers []peer, secure bool) (loads []*peerLoad, closeAll func(), err error) {
	closeAll = func() {
		for _, l := range loads {
			l.close()
			l.server.stop()
		}
	}
	for _, p := range peers {
		s, err := c.kit.start(p, secure)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		l, err := newPeerLoad(c.w.ctx, p, s)
		if err != nil {
			s.stop()
			closeAll()
			return nil, nil, err
		}
		loads = append(loads, l)
	}
	tend := func() { tendAll(loads) }
	for _, l := range loads {
		l.tend = tend
	}
	return loads, closeAll, nil
}

// tendAll responds to pings. Some servers close connections that do not do so within seconds. What
// fails meanwhile fails the load's next round.
func tendAll(loads []*peerLoad) {
	for _, l := range loads {
		if l.broken == nil {
			l.broken = l.server.explain(l.loop.poll())
		}
	}
}

// eachRound runs the rounds of a measurement, in each the servers in another order.
func (c *comparison) eachRound(name string, loads []*peerLoad, round func(i int, l *peerLoad) error) error {
	for i := range c.s.rounds {
		order := slices.Clone(loads)
		// Rotated, and every other time reversed: none always runs on what another has left behind.
		turn := i % len(order)
		order = append(order[turn:], order[:turn]...)
		if i%2 == 1 {
			slices.Reverse(order)
		}
		for _, l := range order {
			if l.dropped {
				continue
			}
			err := l.broken
			if err == nil {
				err = round(i, l)
			}
			if err != nil {
				if err = c.drop(name, l, err); err != nil {
					return err
				}
			}
			tendAll(loads)
		}
		progress("%s: round %d of %d\n", name, i+1, c.s.rounds)
	}
	return nil
}

// drop leaves a server out of a measurement that it did not stand. usher has to stand all.
func (c *comparison) drop(measurement string, l *peerLoad, err error) error {
	l.dropped = true
	return c.leaveOut(measurement, l.peer, err)
}

func (c *comparison) leaveOut(measurement string, p peer, err error) error {
	name := p.about().Name
	if c.w.ctx.Err() != nil || p == c.peers[0] {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, of := range c.Figures[measurement] {
		delete(of, name)
	}
	c.Skipped[name+", "+measurement] = err.Error()
	progress("left out of %s: %s: %v\n", measurement, name, err)
	return nil
}

// pairs seats the pairs of a load and warms the server up: what a JIT compiler has not seen yet
// would count otherwise.
func (c *comparison) pairs(l *peerLoad) error {
	rooms := l.newPeople("pairs", peerPairs/2, 4)
	if err := l.seat(rooms, 16); err != nil {
		return l.server.explain(err)
	}
	for _, r := range rooms {
		l.streams = append(l.streams, l.newOffers(r[0], r[1]), l.newOffers(r[2], r[3]))
	}
	_, err := l.burst(c.closedMessages(l), 4)
	return err
}

func (c *comparison) closedMessages(l *peerLoad) int {
	if l.peer.about().slow {
		return max(peerPairs, c.s.messages/4)
	}
	return c.s.messages
}

// relays keeps the servers of the closed loop for the measurements at a rate.
func (c *comparison) relays(name string, secure bool, round func(i int, l *peerLoad) error) error {
	peers := c.peers
	if secure {
		if err := c.kit.certify(); err != nil {
			return err
		}
		peers = slices.DeleteFunc(slices.Clone(peers), func(p peer) bool { return p.about().noTLS })
	}
	loads, end, err := c.running(peers, secure)
	if err != nil {
		return err
	}
	defer end()
	for _, l := range loads {
		if err := c.pairs(l); err != nil {
			if err = c.drop(name, l, err); err != nil {
				return err
			}
		}
		tendAll(loads)
	}
	return c.eachRound(name, loads, round)
}

func (c *comparison) relayClosed() error {
	return c.relays("closed", false, func(_ int, l *peerLoad) error {
		n := c.closedMessages(l) / peerPairs * peerPairs
		cost, err := l.burst(n, 4)
		if err != nil {
			return err
		}
		c.addCosts("closed", l, cost, n)
		c.add("closed", "rate", l.peer, perSecond(n, cost.wall))
		return nil
	})
}

func (c *comparison) relayAt(name string, rate int, secure bool) error {
	n := int(c.s.seconds.Seconds() * float64(rate))
	return c.relays(name, secure, func(_ int, l *peerLoad) error {
		cost, err := l.pace(rate, n)
		if err != nil {
			return err
		}
		c.addCosts(name, l, cost, n)
		c.addLatencies(name, l)
		return nil
	})
}

// addCosts keeps the server's CPU time for one of n, in µs, and the generator's load.
func (c *comparison) addCosts(name string, l *peerLoad, cost roundCost, n int) {
	c.add(name, "cpu", l.peer, float64(cost.server)/float64(n)/float64(time.Microsecond))
	c.add(name, "generator", l.peer, cost.load())
}

// addLatencies keeps percentiles in µs: from send to arrival, and of the generator's lateness.
func (c *comparison) addLatencies(name string, l *peerLoad) {
	inMicroseconds := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	c.add(name, "p50", l.peer, inMicroseconds(percentile(l.latencies, 50)))
	c.add(name, "p99", l.peer, inMicroseconds(percentile(l.latencies, 99)))
	if len(l.late) > 0 {
		c.add(name, "late", l.peer, inMicroseconds(percentile(l.late, 99)))
	}
}

// broadcast has four rooms of fifty, in which one tells the others something.
func (c *comparison) broadcast() error {
	const rooms, seats, rate = 4, 50, 100
	peers := slices.DeleteFunc(slices.Clone(c.peers), func(p peer) bool { return p.about().noBroadcast })
	loads, end, err := c.running(peers, false)
	if err != nil {
		return err
	}
	defer end()
	for _, l := range loads {
		l.broadcasting = true
		if err := l.crowd(rooms, seats, rate); err != nil {
			if err = c.drop("broadcast", l, err); err != nil {
				return err
			}
		}
		tendAll(loads)
	}
	n := max(rooms, int(c.s.seconds.Seconds()*rate))
	return c.eachRound("broadcast", loads, func(_ int, l *peerLoad) error {
		cost, err := l.pace(rate, n)
		if err != nil {
			return err
		}
		c.addCosts("broadcast", l, cost, n*(seats-1))
		c.addLatencies("broadcast", l)
		return nil
	})
}

// crowd seats the rooms and warms the server up.
func (l *peerLoad) crowd(rooms, seats, rate int) error {
	people := l.newPeople("crowd", rooms, seats)
	if err := l.seat(people, rooms); err != nil {
		return l.server.explain(err)
	}
	for _, r := range people {
		l.streams = append(l.streams, l.newBroadcast(r[0], r[1:]))
	}
	_, err := l.pace(10*rate, rate)
	return err
}
