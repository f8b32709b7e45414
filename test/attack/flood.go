package main

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// What one connection may send by default: so many messages and bytes at once, and so many a
// second.
const (
	burstMessages, burstBytes = 4000, 4 << 20
	messageRate, byteRate     = 200, 256 << 10
	requestCost               = 20 // messages that a request counts for
	connectionsOfAnAddress    = 200
	roomsOfAnAddress          = 100
	seatsOfARoom              = 50
	longestUserName           = 20
	longestJoinName           = 64
	wide                      = "\u4e2d" // three bytes, one UTF-16 unit
)

// allowance keeps a sender within what a connection may send.
type allowance struct {
	a               *attacker
	messages, bytes float64
	last            time.Time
}

func (a *attacker) allowance() *allowance {
	return &allowance{a: a, messages: burstMessages - 100, bytes: burstBytes * 0.98, last: time.Now()}
}

// take waits until a frame may be sent, and reports whether there is time left.
func (l *allowance) take(messages, bytes int) bool {
	for {
		now := time.Now()
		passed := now.Sub(l.last).Seconds()
		l.messages = min(burstMessages-100, l.messages+passed*messageRate*0.98)
		l.bytes = min(burstBytes*0.98, l.bytes+passed*byteRate*0.98)
		l.last = now
		if l.messages >= float64(messages) && l.bytes >= float64(bytes) {
			l.messages -= float64(messages)
			l.bytes -= float64(bytes)
			return !l.a.over()
		}
		if !l.a.pause(5 * time.Millisecond) {
			return false
		}
	}
}

// flood seats a person in the room and sends one message as fast as is allowed. If the
// connection ends, it comes back.
func (a *attacker) flood(room, user, message string, cost int) error {
	c, err := a.seat(room, user, user)
	if err != nil {
		return err
	}
	defer c.Close()
	a.watch(c)
	frame := appendFrame(nil, final|text, message)
	for l := a.allowance(); l.take(cost, len(frame)); {
		if _, err := c.Write(frame); err != nil {
			return err
		}
		a.count("sent", 1)
	}
	return nil
}

func user(i int) string { return fmt.Sprintf("attacker-%d", i) }

// relayFlood: pairs in rooms of four, each sending offers to the other.
func relayFlood(a *attacker) {
	a.swarm(connectionsOfAnAddress, func(i int) error {
		room := fmt.Sprintf("relay-%02d", i/4)
		return a.flood(room, user(i), fmt.Sprintf(`{"type":"WEBRTC_OFFER","roomId":%q,"userId":%q,"targetUserId":%q,"offer":{"type":"offer","sdp":"%s"}}`, room, user(i), user(i^1), sdp), 1)
	})
}

// broadcast fills rooms of 50 and lets everybody broadcast a message of that size.
func (a *attacker) broadcast(name string, padding int) {
	pad := strings.Repeat("x", padding)
	a.swarm(connectionsOfAnAddress, func(i int) error {
		room := fmt.Sprintf("%s-%d", name, i/seatsOfARoom)
		if i%seatsOfARoom == 0 { // the host, who lets all of them
			c, err := a.seat(room, user(i), user(i))
			if err != nil {
				return err
			}
			err = c.say(fmt.Sprintf(`{"type":"CONTROL_MODE_CHANGE","roomId":%q,"userId":%q,"mode":"FREE_FOR_ALL"}`, room, user(i)))
			c.Close()
			if err != nil {
				return err
			}
		}
		return a.flood(room, user(i), fmt.Sprintf(`{"type":"UNIFIED_SYNC","roomId":%q,"userId":%q,"action":"SEEK","time":1,"videoUrl":"","pad":%q}`, room, user(i), pad), 1)
	})
}

func syncFlood(a *attacker) { a.broadcast("sync-flood", 0) }

func largeFrames(a *attacker) { a.broadcast("large-frames", 60<<10) }

// renameStorm: every rename of one is a message to all 50, with all 50 names in it.
func renameStorm(a *attacker) {
	name := strings.Repeat(wide, longestJoinName)
	a.swarm(seatsOfARoom, func(i int) error {
		c, err := a.seat("rename-storm", user(i), name)
		if err != nil {
			return err
		}
		defer c.Close()
		a.watch(c)
		for l, n := a.allowance(), 0; ; n++ {
			frame := appendFrame(nil, final|text, rename("rename-storm", user(i), n))
			if !l.take(requestCost, len(frame)) {
				return nil
			}
			if _, err := c.Write(frame); err != nil {
				return err
			}
			a.count("sent", 1)
		}
	})
}

// rename asks for the n-th of many names, each as long as it may be.
func rename(room, user string, n int) string {
	return fmt.Sprintf(`{"type":"RENAME_USER","roomId":%q,"userId":%q,"newUserName":"%s%06d"}`, room, user, strings.Repeat(wide, longestUserName-6), n%1_000_000)
}

// fill seats people from other addresses in a room and lets them read. Closed tells whoever loses
// the connection.
func (a *attacker) fill(room string, people int, address func(i int) string, closed func(i, code int)) bool {
	name := strings.Repeat(wide, longestJoinName)
	for i := range people {
		c, err := a.seatFrom(address(i), room, fmt.Sprintf("guest-%d", i), name)
		if err != nil {
			if !a.over() {
				a.fault("guest %d cannot join: %v", i, err)
			}
			return false
		}
		go func() {
			code, _ := c.drain()
			if !a.over() {
				closed(i, code)
			}
			c.Close()
		}()
	}
	return true
}

// renameGuest: 200 renames are within what a connection may send at once. They may cost the guest
// the connection, and nobody else.
func renameGuest(a *attacker) {
	address := func(i int) string { return fmt.Sprintf("127.0.2.%d", 1+i) }
	if !a.fill("rename-guest", seatsOfARoom-1, address, func(i, code int) { a.fault("guest %d was closed with %d", i, code) }) {
		return
	}
	a.swarm(1, func(int) error {
		c, err := a.seat("rename-guest", "attacker", "attacker")
		if err != nil {
			return err
		}
		defer c.Close()
		var block []byte
		for n := range 200 {
			block = appendFrame(block, final|text, rename("rename-guest", "attacker", n))
		}
		if _, err := c.Write(block); err != nil {
			return err
		}
		a.count("renames", 200)
		a.watch(c)
		a.pause(time.Second)
		return nil
	})
}

// churn: everybody in the room hears of every join and leave.
func churn(a *attacker) {
	closed := func(i, code int) { a.fault("somebody else of the room was closed with %d", code) }
	if !a.fill("churn-room", seatsOfARoom-11, func(i int) string { return fmt.Sprintf("127.0.2.%d", 1+i) }, closed) {
		return
	}
	a.swarm(11, func(i int) error {
		c, err := a.seat("churn-room", user(i), strings.Repeat(wide, longestJoinName))
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.say(fmt.Sprintf(`{"type":"LEAVE_ROOM","roomId":"churn-room","userId":%q}`, user(i))); err != nil {
			return err
		}
		a.ends(c, "LEAVE_ROOM")
		return nil
	})
}

// crowd: all connections are open before anybody joins. Everybody is answered, and nobody is
// closed.
func crowd(a *attacker) {
	const people = 250
	clients := make([]*client, people)
	for i := range clients {
		c, err := a.openFrom(fmt.Sprintf("127.0.%d.%d", 3+i/200, 1+i%200), "crowd-room", "")
		if err != nil {
			a.fault("person %d cannot connect: %v", i, err)
			return
		}
		defer c.Close()
		clients[i] = c
	}
	begin := time.Now()
	var all sync.WaitGroup
	var mu sync.Mutex
	var last time.Duration
	var done atomic.Bool
	for i, c := range clients {
		all.Go(func() {
			if err := a.join(c, "crowd-room", user(i), strings.Repeat(wide, longestJoinName)); err != nil {
				a.fault("a person of %d who join at once has no seat: %v", people, err)
				return
			}
			mu.Lock()
			last = max(last, time.Since(begin))
			mu.Unlock()
			go func() {
				if code, _ := c.drain(); !done.Load() {
					a.fault("a person of %d who joined at once was closed with %d", people, code)
				}
			}()
		})
	}
	all.Wait()
	a.count("ms until the last was answered", int(last.Milliseconds()))
	a.pause(time.Second) // nobody is closed now, either
	done.Store(true)
}

// oneNAT: 50 people behind one address lose their connections at once, five times in a row.
func oneNAT(a *attacker) {
	for round := range 6 {
		var all sync.WaitGroup
		clients := make([]*client, seatsOfARoom)
		for i := range clients {
			all.Go(func() {
				c, err := a.seat("one-nat-room", user(i), user(i))
				if err != nil {
					a.fault("round %d: a person behind a shared address has no seat: %v", round, err)
					return
				}
				clients[i] = c
			})
		}
		all.Wait()
		for _, c := range clients {
			if c != nil {
				c.Close()
			}
		}
	}
}
