package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// person is one client: a connection, a seat, and what it has sent to and got from the others.
type person struct {
	run  *run
	room *room
	id   string
	idle bool
	ws   *websocket.Conn
	done chan struct{} // closed when the connection has ended

	mu      sync.Mutex
	seated  bool
	leaving bool
	late    bool // given up while it waited for the reply to its join
	links   map[string]*link
}

// link is what passed between a person and another one.
type link struct {
	sent, got int
	offered   time.Time // of an offer that has no answer yet
}

// room is where people meet. People who have left stay in gone: messages to them may bounce.
type room struct {
	id      string
	decided chan struct{} // closed when its first person is seated, or was refused
	mu      sync.Mutex
	exists  bool
	people  []*person
	gone    map[string]bool
}

// awaited waits for the room's first person, and reports whether there is a room.
func (r *room) awaited(ctx context.Context) bool {
	select {
	case <-r.decided:
	case <-ctx.Done():
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.exists
}

// remove is for a person who leaves, or whose connection has ended.
func (r *room) remove(p *person) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone[p.id] = true
	r.people = slices.DeleteFunc(r.people, func(other *person) bool { return other == p })
}

func (r *room) left(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gone[id]
}

// joinTimeout bounds a connection and its join. A server may keep newcomers waiting for some
// seconds.
const joinTimeout = 20 * time.Second

// enter connects and joins. The first person of a room creates it.
func (p *person) enter(ctx context.Context, first bool) {
	if first {
		defer close(p.room.decided)
	} else if !p.room.awaited(ctx) {
		return // there is no room to join
	}
	entering, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	if err := p.connect(entering); err != nil {
		if ctx.Err() == nil {
			p.run.failedToConnect(err)
		}
		return
	}
	seat := make(chan struct{})
	go p.read(seat)
	name, asked := "JOIN_ROOM", time.Now()
	if first {
		name = "CREATE_ROOM"
	}
	request := fmt.Appendf(nil, `{"type":%q,"roomId":%q,"userId":%q,"userName":"Bench","protocol":1,"timestamp":%d}`,
		name, p.room.id, p.id, asked.UnixMilli())
	if p.ws.Write(entering, websocket.MessageText, request) != nil {
		return // read reports why
	}
	select {
	case <-seat:
		p.run.tally.took(Join, time.Since(asked))
	case <-p.done:
	case <-entering.Done():
		if ctx.Err() == nil {
			p.run.tally.refused("TIMEOUT", fmt.Sprintf("no reply to a join within %v", joinTimeout))
		}
		p.mu.Lock()
		p.late = true
		p.mu.Unlock()
		p.ws.CloseNow()
	}
}

func (p *person) connect(ctx context.Context) error {
	address, began := *p.run.address, time.Now()
	query := address.Query()
	query.Set("roomId", p.room.id)
	address.RawQuery = query.Encode()
	ws, response, err := websocket.Dial(ctx, address.String(), &websocket.DialOptions{HTTPClient: p.run.client, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return refusalOf(response, err)
	}
	p.run.tally.took(Connect, time.Since(began))
	ws.SetReadLimit(4 << 20)
	p.ws = ws
	return nil
}

// httpRefusal is a handshake that the server has refused.
type httpRefusal struct{ code, text string }

func (e *httpRefusal) Error() string { return e.text }

// refusalOf finds the code of usher in a response to a handshake.
func refusalOf(response *http.Response, err error) error {
	if response == nil || response.StatusCode < 400 {
		return err
	}
	refusal := &httpRefusal{fmt.Sprintf("HTTP %d", response.StatusCode), "the server refused a connection: " + response.Status}
	if response.Body != nil {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10))
		var m message
		if json.Unmarshal(text, &m) == nil && m.Code != "" {
			refusal.code, refusal.text = m.Code, m.Error
		}
	}
	return refusal
}

// read handles what comes until the connection ends.
func (p *person) read(seat chan<- struct{}) {
	defer close(p.done)
	defer p.ws.CloseNow()
	for {
		_, text, err := p.ws.Read(p.run.ctx)
		if err != nil {
			p.ended(err)
			return
		}
		m, err := decode(text)
		if err != nil {
			p.run.tally.refused("INVALID_JSON", "the server sent what is not JSON")
			return
		}
		switch m.Type {
		case "ROOM_CREATED", "ROOM_JOINED":
			if p.sit() {
				close(seat)
			}
		case "ERROR":
			p.run.tally.refused(m.Code, m.Error)
			if !p.isSeated() {
				return // some refusals leave the connection open, for another try
			}
		default:
			p.handle(&m)
		}
	}
}

// sit is called with the reply to the join, and reports whether it is the first.
func (p *person) sit() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seated {
		return false
	}
	p.seated = true
	p.run.tally.count(&p.run.tally.seated, 1)
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	p.room.people, p.room.exists = append(p.room.people, p), true
	return true
}

func (p *person) isSeated() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seated
}

func (p *person) ended(err error) {
	p.mu.Lock()
	was, expected := p.seated, p.leaving || p.late
	p.mu.Unlock()
	if was {
		p.run.tally.count(&p.run.tally.seated, -1)
	}
	if expected || p.run.ctx.Err() != nil {
		return
	}
	p.room.remove(p)
	reason := "the connection broke"
	if code := websocket.CloseStatus(err); code > 0 {
		reason = fmt.Sprint(int(code))
		var closing websocket.CloseError
		if errors.As(err, &closing) && closing.Reason != "" {
			reason += " " + closing.Reason
		}
	}
	p.run.tally.closed(reason)
}

func (p *person) handle(m *message) {
	switch m.Type {
	case "USER_JOINED":
		p.offer(m.JoinedUser.ID)
	case "UNDELIVERED":
		if m.Code == "TARGET_NOT_FOUND" && p.room.left(m.TargetUserID) {
			p.run.tally.count(&p.run.tally.toLeft, 1)
		} else {
			p.run.tally.refused(m.Code, "a message came back: "+m.Code)
		}
	default:
		if kind, carried := m.relayed(); carried != nil {
			p.received(kind, m.UserID, carried.Bench)
		}
	}
}

// received counts a message from another person, and answers an offer.
func (p *person) received(kind Kind, from string, s stamp) {
	took := time.Since(p.run.tally.began) - time.Duration(s.SentUs)*time.Microsecond
	p.mu.Lock()
	l := p.link(from)
	inOrder := s.Number == l.got+1
	l.got = s.Number
	offered := l.offered
	if kind == Answer {
		l.offered = time.Time{}
	}
	p.mu.Unlock()
	p.run.tally.delivered(kind, took, inOrder)
	switch {
	case kind == Offer:
		p.describe(Answer, from)
	case kind == Answer && !offered.IsZero():
		p.run.tally.took(Negotiation, time.Since(offered))
	}
}

// link is called with p.mu held.
func (p *person) link(other string) *link {
	l := p.links[other]
	if l == nil {
		l = &link{}
		p.links[other] = l
	}
	return l
}

// offer begins a negotiation, unless one with that person is under way.
func (p *person) offer(to string) {
	p.mu.Lock()
	l := p.link(to)
	free := l.offered.IsZero() && p.seated && !p.leaving
	if free {
		l.offered = time.Now()
	}
	p.mu.Unlock()
	if free {
		p.describe(Offer, to)
	}
}

// describe sends an offer or an answer, and the candidates that follow it.
func (p *person) describe(kind Kind, to string) {
	p.send(kind, to)
	for range p.run.plan.Candidates {
		p.send(Candidate, to)
	}
}

// send numbers and sends in one, so that messages go out in the order of their numbers.
func (p *person) send(kind Kind, to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.leaving {
		return
	}
	l := p.link(to)
	l.sent++
	s := stamp{l.sent, int64(time.Since(p.run.tally.began) / time.Microsecond)}
	p.run.tally.count(&p.run.tally.sent, 1)
	// If it fails, read reports why.
	_ = p.ws.Write(p.run.ctx, websocket.MessageText, encode(kind, p.room.id, p.id, to, s))
}

// leave ends the seat, as a client that closes does.
func (p *person) leave() {
	p.room.remove(p)
	p.mu.Lock()
	p.leaving = true
	p.mu.Unlock()
	_ = p.ws.Close(websocket.StatusNormalClosure, "") // ends the seat, however it ends
}
