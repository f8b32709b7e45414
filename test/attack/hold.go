package main

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// unseated fills the innocent room with sockets that never join. They come back when they are put
// out.
func unseated(a *attacker) {
	a.swarm(180, func(int) error {
		return a.with(a.Room, func(c *client) error {
			code, _ := c.drain()
			a.count(fmt.Sprintf("closed %d", code), 1)
			return nil
		})
	})
}

// parked: clients without a token take their seats again and again on new connections, and leave
// the older ones open.
func parked(a *attacker) {
	const seats, each = 38, 5
	a.swarm(seats, func(i int) error {
		var open []*client
		defer func() {
			for _, c := range open {
				c.Close()
			}
		}()
		for !a.over() {
			c, err := a.open(a.Room)
			if err != nil {
				return err
			}
			if open = append(open, c); len(open) > each {
				open[0].Close()
				open = open[1:]
			}
			if err := c.say(fmt.Sprintf(`{"type":"JOIN_ROOM","roomId":%q,"userId":%q,"userName":"A"}`, a.Room, user(i))); err != nil {
				return err
			}
			_ = c.SetReadDeadline(time.Now().Add(patience))
			if _, _, err := c.next(); err != nil {
				return err
			}
			a.count("answered", 1)
		}
		return nil
	})
}

// slowReaders: two hosts broadcast to people who read nothing.
func slowReaders(a *attacker) {
	message := `{"type":"HOST_NAVIGATE","roomId":%q,"userId":%q,"url":"https://example.org/","pad":%q}`
	var hosts sync.WaitGroup
	for r := range 2 {
		room := fmt.Sprintf("slow-readers-%d", r)
		host, err := a.seat(room, "host", "host")
		if err != nil {
			a.missed(err)
			continue
		}
		defer host.Close()
		a.watch(host)
		for i := range seatsOfARoom - 1 {
			c, err := a.seat(room, user(i), user(i))
			if err != nil {
				a.missed(err)
				continue
			}
			defer c.Close()
		}
		hosts.Go(func() {
			frame := appendFrame(nil, final|text, fmt.Sprintf(message, room, "host", strings.Repeat("x", 60<<10)))
			for l := a.allowance(); l.take(1, len(frame)); {
				if _, err := host.Write(frame); err != nil {
					a.missed(err)
					return
				}
				a.count("sent", 1)
			}
		})
	}
	hosts.Wait()
	<-a.ctx.Done()
}

// reconnects spends a connection's whole burst and takes a new connection. That may bring no more
// than to keep the old one.
func reconnects(a *attacker) {
	const connections = 50
	var block []byte
	for range burstMessages {
		block = appendFrame(block, final|text, `{"type":"PING"}`)
	}
	begin, answered := time.Now(), 0
	a.swarm(connections, func(int) error {
		return a.with("attack", func(c *client) error {
			go func() { _, _ = c.Write(block) }()
			pongs := 0
			defer func() { a.count("answered", pongs) }()
			for ; pongs < burstMessages && !a.over(); pongs++ {
				if first, _, err := c.next(); err != nil || first == final|closeFrame {
					return err
				}
			}
			return nil
		})
	})
	a.mu.Lock()
	answered = a.report.Counts["answered"]
	a.mu.Unlock()
	if most := connections * (burstMessages + messageRate*(time.Since(begin).Seconds()+1)); float64(answered) > most {
		a.fault("%d messages were answered, and %d connections that stay may send %.0f", answered, connections, most)
	}
}

// manyRooms makes rooms and leaves each with a held seat.
func manyRooms(a *attacker) {
	made := make([]int, 20)
	a.swarm(len(made), func(i int) error {
		room := fmt.Sprintf("many-%02d-%06d", i, made[i])
		c, err := a.seat(room, "attacker", "attacker")
		if err != nil {
			return err
		}
		made[i]++
		a.count("rooms", 1)
		return c.Close()
	})
	if n := a.report.Counts["rooms"]; n > roomsOfAnAddress {
		a.fault("%d rooms of one address, and it may have %d", n, roomsOfAnAddress)
	}
}

// holdMemory has six addresses that take every room, join and connection that they get, and let
// each keep all that it may.
func holdMemory(a *attacker) {
	var all sync.WaitGroup
	for address := range 6 {
		rooms := make(chan int)
		for range 5 {
			all.Go(func() {
				for i := range rooms {
					if err := a.holdRoom(fmt.Sprintf("127.0.0.%d", 2+address), fmt.Sprintf("hold-%d-%03d", address, i)); err != nil {
						a.missed(err)
					}
				}
			})
		}
		all.Go(func() {
			defer close(rooms)
			for i := range roomsOfAnAddress {
				if a.over() {
					return
				}
				rooms <- i
			}
		})
	}
	all.Wait()
	<-a.ctx.Done()
}

// holdRoom makes a room with two connections that stay, one that reads nothing of what the other
// sends it, and a seat that is away, for which as much is kept as may be. Each of the two ends with
// a message that is never whole.
func (a *attacker) holdRoom(address, room string) error {
	const size = 60 << 10
	name, payload := strings.Repeat(wide, longestJoinName), strings.Repeat("x", size)
	host, err := a.seatFrom(address, room, "host", name)
	if err != nil {
		return err
	}
	a.keep(host)
	send := func(target string, times int) error {
		frame := appendFrame(nil, final|text, fmt.Sprintf(`{"type":"WEBRTC_OFFER","roomId":%q,"userId":"host","targetUserId":%q,"offer":{"sdp":%q}}`, room, target, payload))
		for range times {
			if _, err := host.Write(frame); err != nil {
				return err
			}
			a.count("KiB sent to be kept", size>>10)
		}
		return nil
	}
	away, err := a.seatFrom(address, room, "away", name)
	if err != nil {
		return err
	}
	away.Close()
	reader, err := a.seatFrom(address, room, "reader", name)
	if err != nil {
		return err
	}
	a.keep(reader)
	if err := errors.Join(send("away", 1), send("reader", 1<<20/size)); err != nil {
		return err
	}
	for _, c := range []*client{host, reader} {
		if _, err := c.Write(append(appendHeader(nil, final|text, 64<<10), strings.Repeat("x", 64<<10-1)...)); err != nil {
			return err
		}
	}
	a.count("rooms held", 1)
	return nil
}

// keep leaves a connection open until the time is up, unread.
func (a *attacker) keep(c *client) {
	go func() {
		<-a.ctx.Done()
		c.Close()
	}()
}
