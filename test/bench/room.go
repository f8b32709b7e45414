package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"
)

// A room of the generator walks through a script of joins and leaves, each
// begun when the one before was acknowledged; a crew walks many at once.

// step is one line of a script: a seat's join or leave.
type step struct {
	seat int
	// leave ends the seat: by LEAVE_ROOM, or by closing with 1000.
	leave, byClose bool
}

// joinScript seats everybody, leaveScript ends every seat.
func joinScript(seats int) (script []step) {
	for i := range seats {
		script = append(script, step{seat: i})
	}
	return script
}

func leaveScript(seats int) (script []step) {
	for i := range seats {
		script = append(script, step{seat: i, leave: true, byClose: i%2 == 1})
	}
	return script
}

// room is one room and its seats.
type room struct {
	crew   *crew
	id     string
	script []step
	at     int
	seats  []seat
	// seated counts the seats taken; the first to come creates the room.
	seated int
}

// seat is one participant, a new one with every join.
type seat struct {
	room *room
	conn *conn
	// at is where it connects, the loop's server if it is zero.
	at netip.AddrPort
	// number is different for each participant of a run, and makes the user id.
	number int
	state  seatState
	asked  time.Time
}

type seatState uint8

const (
	absent   seatState = iota
	dialling           // to ask as soon as the socket is open
	waiting            // open before its step has come
	asking             // CREATE_ROOM or JOIN_ROOM is on its way
	seated
	leaving
)

// crew walks rooms through their scripts, a bounded number at once.
type crew struct {
	loop   *loop
	server *server
	// next makes the next room, nil when there are no more.
	next func() *room
	// atOnce bounds the rooms under way and so the requests in flight: a room has one.
	atOnce int
	active int
	// perSecond, if set, begins rooms at that rate instead, whatever is under way.
	perSecond float64
	// joins and leaves count what was acknowledged.
	joins, leaves int
	// joined, where set, is told how long each join took.
	joined func(time.Duration)
	number int
}

func newRoom(c *crew, id string, script []step, seats int) *room {
	r := &room{crew: c, id: id, script: script, seats: make([]seat, seats)}
	for i := range r.seats {
		r.seats[i].room = r
	}
	return r
}

// run walks all rooms to the ends of their scripts.
func (c *crew) run() error {
	for c.active < c.atOnce && c.begin() {
	}
	return c.loop.run(func() bool { return c.active == 0 })
}

// runPaced walks all rooms, begun evenly at a rate that leaves the server time to spare.
func (c *crew) runPaced(roomsPerSecond float64) error {
	const every = 2 * time.Millisecond
	c.perSecond = roomsPerSecond
	start, begun, more := time.Now(), 0.0, true
	c.loop.tickEvery, c.loop.tick = every, func(now time.Time) {
		for more && begun < now.Sub(start).Seconds()*roomsPerSecond {
			more = c.begin()
			begun++
		}
	}
	return c.loop.run(func() bool { return !more && c.active == 0 })
}

// begin starts the next room, if there is one.
func (c *crew) begin() bool {
	r := c.next()
	if r == nil {
		return false
	}
	c.active++
	r.step()
	return true
}

// each is a next that goes through rooms that exist.
func each(rooms []*room) func() *room {
	return func() *room {
		if len(rooms) == 0 {
			return nil
		}
		r := rooms[0]
		rooms = rooms[1:]
		return r
	}
}

// follow gives the rooms another script.
func follow(rooms []*room, script []step) {
	for _, r := range rooms {
		r.script, r.at = script, 0
	}
}

// step begins the script's next step, or ends the room's turn.
func (r *room) step() {
	if r.at == len(r.script) {
		r.crew.active--
		if r.crew.perSecond == 0 {
			r.crew.begin()
		}
		return
	}
	next := r.script[r.at]
	s := &r.seats[next.seat]
	switch {
	case next.leave:
		s.leave(next.byClose)
	case s.state == waiting:
		s.ask()
	default:
		s.dial(dialling)
	}
}

func (r *room) stepped() {
	r.at++
	r.step()
}

// path is the request's. The bare relay has to be told the seat as well,
// because it reads no messages.
func (s *seat) path() string {
	if s.room.crew.server.kind.bare() {
		for i := range s.room.seats {
			if &s.room.seats[i] == s {
				return fmt.Sprintf("/ws?roomId=%s&seat=%d", s.room.id, i)
			}
		}
	}
	return "/ws?roomId=" + s.room.id
}

// userID has the extension's form: user-<ms>-<9 base36 characters>.
func (s *seat) userID() string { return fmt.Sprintf("user-1700000000000-%09d", s.number) }

func (s *seat) dial(state seatState) {
	c := s.room.crew
	c.number++
	s.number, s.state = c.number, state
	at := s.at
	if !at.IsValid() {
		at = c.loop.server
	}
	s.conn = c.loop.dial(at, s.path(), s)
}

func (s *seat) opened(*conn) {
	if s.state == dialling {
		s.ask()
	}
}

// ask sends the join. The bare relay answers the connection itself.
func (s *seat) ask() {
	s.state, s.asked = asking, time.Now()
	if s.room.crew.server.kind.bare() {
		return
	}
	name := "JOIN_ROOM"
	if s.room.seated == 0 {
		name = "CREATE_ROOM"
	}
	s.conn.send(opText, fmt.Appendf(nil, `{"type":%q,"roomId":%q,"userId":%q,"userName":"Bench","timestamp":%d,"protocol":1}`,
		name, s.room.id, s.userID(), s.asked.UnixMilli()))
}

func (s *seat) leave(byClose bool) {
	s.state = leaving
	if byClose || s.room.crew.server.kind.bare() {
		s.conn.leave()
		return
	}
	s.conn.send(opText, fmt.Appendf(nil, `{"type":"LEAVE_ROOM","roomId":%q,"userId":%q,"timestamp":%d}`,
		s.room.id, s.userID(), time.Now().UnixMilli()))
}

func (s *seat) text(_ *conn, message []byte) {
	switch messageType(message) {
	case "ROOM_CREATED", "ROOM_JOINED":
		s.answered(message)
	case "ERROR", "UNDELIVERED":
		s.room.crew.loop.fail(fmt.Errorf("the server refused: %.300s", message))
	}
}

func (s *seat) answered(message []byte) {
	c := s.room.crew
	if s.state != asking || !c.server.kind.bare() && !bytes.Contains(message, []byte(s.userID())) {
		c.loop.fail(fmt.Errorf("a reply to no request of %s: %.300s", s.userID(), message))
		return
	}
	s.state = seated
	s.room.seated++
	c.joins++
	if c.joined != nil {
		c.joined(time.Since(s.asked))
	}
	s.room.stepped()
}

func (s *seat) closed(_ *conn, code int) {
	c := s.room.crew
	if s.state != leaving || code != closeNormal {
		if c.loop.ctx.Err() == nil {
			c.loop.fail(fmt.Errorf("a socket was closed with %d in state %d of room %s", code, s.state, s.room.id))
		}
		return
	}
	s.state, s.conn = absent, nil
	s.room.seated--
	c.leaves++
	s.room.stepped()
}

// open dials every socket of the rooms, a few at once, without joining.
func (c *crew) open(rooms []*room) error {
	const diallingAtOnce = 128
	var pending []*seat
	for _, r := range rooms {
		for i := range r.seats {
			pending = append(pending, &r.seats[i])
		}
	}
	isOpen := func(s *seat) bool { return s.conn != nil && s.conn.state == open }
	dialled, opened := 0, 0
	return c.loop.run(func() bool {
		for opened < dialled && isOpen(pending[opened]) {
			opened++
		}
		for dialled < len(pending) && dialled < opened+diallingAtOnce {
			pending[dialled].dial(waiting)
			dialled++
		}
		return opened == len(pending)
	})
}

// messageType is the type of a message. Servers put it first, which is quick
// to find; JSON does not oblige them to.
func messageType(message []byte) string {
	if rest, ok := bytes.CutPrefix(message, []byte(`{"type":"`)); ok {
		if name, _, ok := bytes.Cut(rest, []byte(`"`)); ok {
			return string(name)
		}
	}
	var m struct{ Type string }
	json.Unmarshal(message, &m)
	return m.Type
}
