package main

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// unseated fills the innocent room with sockets that never join. They come back when they are put out.
func unseated(a *attacker) {
	a.swarm(180, func(int) error {
		return a.with(a.Room, func(c *client) error {
			code, _ := c.drain()
			a.count(fmt.Sprintf("closed %d", code), 1)
			return nil
		})
	})
}

// parked: clients without a token take their seats again and again on new connections, and leave the older ones open.
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

// reconnects spends a connection's whole burst and takes a new connection. That may bring
// no more than to keep the old one.
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

// holdMemory has six addresses that take every room and connection that they get, and in each all that it may keep.
func holdMemory(a *attacker) {
	var addresses sync.WaitGroup
	for n := range 6 {
		addresses.Go(func() {
			for i := range roomsOfAnAddress {
				if a.over() {
					return
				}
				if err := a.holdRoom(fmt.Sprintf("127.0.0.%d", 2+n), fmt.Sprintf("hold-%d-%03d", n, i)); err != nil {
					a.missed(err)
				}
			}
		})
	}
	addresses.Wait()
	<-a.ctx.Done()
}

// holdRoom makes a room with two connections that stay, seats that are away with all that is kept for them, and a message that never ends.
func (a *attacker) holdRoom(address, room string) error {
	host, err := a.seatFrom(address, room, "host", strings.Repeat(wide, longestJoinName))
	if err != nil {
		return err
	}
	a.keep(host)
	payload := strings.Repeat("x", 60<<10)
	for i := range 8 {
		guest, err := a.seatFrom(address, room, user(i), strings.Repeat(wide, longestJoinName))
		if err != nil {
			return err
		}
		guest.Close()
		if err := host.say(fmt.Sprintf(`{"type":"WEBRTC_OFFER","roomId":%q,"userId":"host","targetUserId":%q,"offer":{"sdp":%q}}`, room, user(i), payload)); err != nil {
			return err
		}
	}
	reader, err := a.seatFrom(address, room, "reader", "reader")
	if err != nil {
		return err
	}
	a.keep(reader)
	for range 20 { // it is never read: as much as may be pending
		if err := host.say(fmt.Sprintf(`{"type":"WEBRTC_OFFER","roomId":%q,"userId":"host","targetUserId":"reader","offer":{"sdp":%q}}`, room, payload)); err != nil {
			return err
		}
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
