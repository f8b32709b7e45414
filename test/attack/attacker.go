package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// attackerAddress is the address that an attack comes from unless it names another.
	attackerAddress = "127.0.0.2"
	// farewell is how long an attack may take to end after its time is up.
	farewell = time.Second
	// patience is how long the server may take to end a connection that it must end.
	patience = 2 * time.Minute
)

// attackerPart is the task of the attacker's process.
type attackerPart struct {
	Name, Address, Room string
	TLS                 bool
	For                 time.Duration
}

// attackerReport is what the attacker saw.
type attackerReport struct {
	Counts map[string]int
	Faults []string
}

// attacker is one attack under way.
type attacker struct {
	attackerPart
	ctx    context.Context // ends when the time is up
	tokens sync.Map        // of the attackers' seats
	mu     sync.Mutex
	report attackerReport
}

// playAttacker attacks for a while and reports what happened.
func playAttacker(ctx context.Context, text string) error {
	beNice()
	a := &attacker{report: attackerReport{Counts: map[string]int{}}}
	if err := json.Unmarshal([]byte(text), &a.attackerPart); err != nil {
		return err
	}
	i := slices.IndexFunc(attacks, func(one attack) bool { return one.name == a.Name })
	if i < 0 {
		return errors.New("no attack " + a.Name)
	}
	if attacks[i].whole {
		a.For += time.Minute
	}
	ctx, stop := context.WithTimeout(ctx, a.For)
	defer stop()
	a.ctx = ctx
	attacks[i].run(a)
	a.mu.Lock()
	defer a.mu.Unlock()
	return json.NewEncoder(os.Stdout).Encode(a.report)
}

// count adds to the numbers that are printed with the attack.
func (a *attacker) count(what string, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.report.Counts[what] += n
}

// fault notes what the server must not do.
func (a *attacker) fault(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if text := fmt.Sprintf(format, args...); len(a.report.Faults) < 5 && !slices.Contains(a.report.Faults, text) {
		a.report.Faults = append(a.report.Faults, text)
	}
}

// over reports whether the time is up. A connection's own deadline may come a moment before the
// context says so.
func (a *attacker) over() bool {
	end, limited := a.ctx.Deadline()
	return a.ctx.Err() != nil || limited && !time.Now().Before(end)
}

// pause waits, and reports whether there is time left.
func (a *attacker) pause(d time.Duration) bool {
	select {
	case <-a.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// swarm runs n attackers, each again and again until the time is up. One that
// was refused or cannot connect waits a little.
func (a *attacker) swarm(n int, one func(i int) error) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			for !a.over() {
				if err := one(i); err != nil {
					a.missed(err)
					a.pause(20 * time.Millisecond)
				}
			}
		})
	}
	all.Wait()
}

// missed counts an attempt that came to nothing.
func (a *attacker) missed(err error) {
	var r *refused
	switch {
	case a.over():
	case errors.As(err, &r):
		a.count(r.Error(), 1)
	case errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
		a.count("reset", 1)
	case errors.Is(err, os.ErrDeadlineExceeded):
		a.count("timed out", 1)
	case errors.Is(err, net.ErrClosed):
	default:
		a.count(shorten(err), 1)
	}
}

// shorten removes the addresses, which differ every time.
func shorten(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 && !strings.HasPrefix(text, "no seat") {
		text = text[i+2:]
	}
	return text
}

// open makes a WebSocket to a room from the attacker's address.
func (a *attacker) open(room string) (*client, error) { return a.openFrom(attackerAddress, room, "") }

func (a *attacker) openFrom(address, room, headers string) (*client, error) {
	c, err := connect(a.ctx, address, a.Address, a.TLS)
	if err != nil {
		return nil, err
	}
	if err := c.upgrade(handshake("/ws?roomId="+room, headers)); err != nil {
		c.Close()
		return nil, err
	}
	a.count("opened", 1)
	return c, nil
}

// with opens a WebSocket, hands it over and closes it.
func (a *attacker) with(room string, use func(c *client) error) error {
	c, err := a.open(room)
	if err != nil {
		return err
	}
	defer c.Close()
	return use(c)
}

// ends reads until the connection ends, which it must within patience and with one of the codes, if
// any are given.
func (a *attacker) ends(c *client, what string, codes ...int) {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	code, err := c.drain()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		a.fault("%s: still open after %v", what, patience)
	case len(codes) > 0 && !slices.Contains(codes, code):
		a.fault("%s: closed with %d, want %v", what, code, codes)
	}
	a.count(fmt.Sprintf("closed %d", code), 1)
}

// watch reads in the background, counts how the connection ends, and closes it then.
func (a *attacker) watch(c *client) (ended <-chan struct{}) {
	over := make(chan struct{})
	go func() {
		defer close(over)
		code, _ := c.drain()
		if !a.over() {
			a.count(fmt.Sprintf("closed %d", code), 1)
		}
		c.Close()
	}()
	return over
}

// pour writes a block again and again, as no client may for long: the server must end the
// connection.
func (a *attacker) pour(c *client, what string, first, block []byte) error {
	ended := a.watch(c)
	_, err := c.Write(first)
	sent := 0
	for ; err == nil && !a.over() && sent < manyBytes; sent += len(block) {
		_, err = c.Write(block)
	}
	select {
	case <-ended:
	case <-a.ctx.Done():
	case <-time.After(patience):
		a.fault("still open after %d MiB of %s", sent>>20, what)
	}
	return nil
}

// manyBytes is what pour writes before a connection must have been ended. The system's buffers hold
// some of it.
const manyBytes = 24 << 20

// join takes a seat, with the token of the last time if there was one, and reads the reply. A
// refusal is an error that names the code.
func (a *attacker) join(c *client, room, user, name string) error {
	token, _ := a.tokens.Load(room + " " + user)
	field, _ := token.(string)
	err := c.say(fmt.Sprintf(`{"type":"CREATE_ROOM","roomId":%q,"userId":%q,"userName":%q,"protocol":1%s}`, room, user, name, field))
	if err != nil {
		return err
	}
	for {
		first, payload, err := c.next()
		if err != nil {
			return err
		}
		var reply struct{ Type, Code, ResumeToken string }
		switch {
		case first == final|closeFrame && len(payload) >= 2:
			return fmt.Errorf("no seat: closed %d", int(payload[0])<<8|int(payload[1]))
		case first != final|text:
			continue
		case json.Unmarshal(payload, &reply) != nil:
			return errors.New("no seat: the reply is no JSON")
		}
		switch reply.Type {
		case "ERROR":
			return errors.New("no seat: " + reply.Code)
		case "ROOM_CREATED":
			if reply.ResumeToken != "" {
				a.tokens.Store(room+" "+user, fmt.Sprintf(`,"resumeToken":%q`, reply.ResumeToken))
			}
			a.count("seated", 1)
			return nil
		}
	}
}

// seat opens a WebSocket and takes a seat.
func (a *attacker) seat(room, user, name string) (*client, error) {
	return a.seatFrom(attackerAddress, room, user, name)
}

func (a *attacker) seatFrom(address, room, user, name string) (*client, error) {
	c, err := a.openFrom(address, room, "")
	if err != nil {
		return nil, err
	}
	if err := a.join(c, room, user, name); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}
