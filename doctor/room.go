package doctor

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// person is somebody in the room: a seat, and the connection that it has.
type person struct {
	*socket
	credential *credential
	id, room   string
	token      string // the resume token
}

// claims are what doctor reads of a token, a ticket or an invite, without verifying it.
type claims struct {
	User string          `json:"sub"`
	Room json.RawMessage `json:"room"`
}

// claimsOf reads the payload of a compact JWS (RFC 7515).
func claimsOf(token string) (c claims) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &c) != nil {
		return claims{}
	}
	return c
}

// rooms are those that it is for, none for any.
func (c claims) rooms() (rooms []string) {
	var one string
	if json.Unmarshal(c.Room, &one) == nil {
		return []string{one}
	}
	_ = json.Unmarshal(c.Room, &rooms)
	return rooms
}

// credentials are those of the people in turn. A ticket or an invite is for one person; an invite
// may be for more.
func (e *examination) credentials() (all []*credential) {
	for _, token := range e.plan.Tokens {
		all = append(all, &credential{token: token})
	}
	switch p := e.plan; {
	case p.Ticket != "":
		all = append(all, &credential{ticket: p.Ticket})
	case p.Invite != "":
		all = append(all, &credential{invite: p.Invite}, &credential{invite: p.Invite})
	case len(all) == 0:
		all = append(all, nil, nil)
	}
	return all
}

func (c *credential) text() string {
	if c == nil {
		return ""
	}
	return c.token + c.ticket + c.invite // only one of them
}

// checkRoom creates or joins a room, as two people if there are credentials for two.
func (e *examination) checkRoom(ctx context.Context) bool {
	credentials := e.credentials()
	room := e.plan.Room
	if rooms := claimsOf(credentials[0].text()).rooms(); room == "" && len(rooms) > 0 {
		room = rooms[0]
	}
	kind, check := "JOIN_ROOM", "room.join"
	if e.plan.Room == "" && e.plan.Invite == "" {
		kind, check = "CREATE_ROOM", "room.create"
	}
	if room == "" {
		room = roomID()
	}
	first, f := e.enter(ctx, check, kind, room, credentials[0], "")
	e.report(f)
	if first == nil {
		return true
	}
	if len(credentials) < 2 {
		e.report(good("room.relay", "not tried: this is one person; a second --token is for another"))
		e.checkResume(ctx, first, nil)
		return true
	}
	second, f := e.enter(ctx, "room.join", "JOIN_ROOM", room, credentials[1], "")
	if second == nil || check != "room.join" {
		e.report(f)
	}
	if second == nil {
		return true
	}
	e.report(first.relay(ctx, second, 1, "room.relay", "an offer passes from one to the other"))
	e.checkResume(ctx, second, first)
	return true
}

// enter opens a connection and asks for a seat, with a resume token for the seat that somebody had.
func (e *examination) enter(ctx context.Context, check, kind, room string, c *credential, token string) (*person, Finding) {
	id := claimsOf(c.text()).User
	if id == "" {
		id = roomID()
	}
	p := &person{credential: c, id: id, room: room, token: token}
	f := e.seat(ctx, check, kind, p)
	if f.Grade != OK {
		return nil, f
	}
	e.people = append(e.people, p)
	return p, f
}

// seat asks for the seat of a person, on a new connection.
func (e *examination) seat(ctx context.Context, check, kind string, p *person) Finding {
	s, refusedUpgrade := e.open(ctx, p.credential, p.room, "")
	if refusedUpgrade != nil {
		return e.refusedSocket(check, refusedUpgrade)
	}
	p.socket = s
	fields := map[string]any{"type": kind, "roomId": p.room, "userId": p.id, "userName": "usher doctor", "protocol": 1}
	if p.token != "" {
		fields["resumeToken"] = p.token
	}
	if e.plan.Passcode != "" && p.token == "" && e.plan.Room != "" {
		fields["passcode"] = e.plan.Passcode
	}
	request, err := json.Marshal(fields)
	if err == nil {
		err = s.send(ctx, "%s", request)
	}
	const seatPatience = 10 * time.Second // joins may be paced
	began := time.Now()
	var m message
	if err == nil {
		m, err = s.await(ctx, seatPatience, "ROOM_CREATED", "ROOM_JOINED", "KNOCKING")
	}
	defer func() {
		if m.Type != "ROOM_CREATED" && m.Type != "ROOM_JOINED" {
			s.close()
		}
	}()
	switch {
	case err != nil:
		return failure(check, "look at the server's log", "no reply to %s: %v", kind, err)
	case m.Type == "KNOCKING":
		return warning(check, "let somebody admit \"usher doctor\", or take another --room", "newcomers have to knock at this room")
	case m.Type == "ERROR" || m.Type == "UNDELIVERED":
		return refused(check, kind, m.Code, m.Error, m.Details)
	case m.ResumeToken == "" && p.token == "":
		return failure(check, "update the server", "the reply has no resumeToken: it does not speak version 1 of the protocol")
	}
	if m.ResumeToken != "" {
		p.token = m.ResumeToken
	}
	e.pingInterval = time.Duration(m.PingIntervalMs) * time.Millisecond
	if p.token != "" && kind == "JOIN_ROOM" && m.Resumed {
		return resumed(check, m)
	}
	return good(check, "a seat %s after asking; protocol 1, a PING every %v", ms(m.at.Sub(began)), e.pingInterval)
}

func resumed(check string, m message) Finding {
	if !m.Recovered {
		return good(check, "the token gets the seat back")
	}
	return good(check, "the token gets the seat back, and nothing sent meanwhile is lost")
}

// relay sends an offer to another person, who should get it.
func (p *person) relay(ctx context.Context, to *person, number int, check, found string) Finding {
	const remedy = "look at the server's log"
	if err := p.offer(ctx, to, number); err != nil {
		return failure(check, remedy, "an offer could not be sent: %v", err)
	}
	if m, err := to.awaitOffer(ctx, number); err != nil || m.Type != "WEBRTC_OFFER" {
		return lostOffer(check, m, err)
	}
	return good(check, "%s", found)
}

func lostOffer(check string, m message, err error) Finding {
	if err == nil {
		return refused(check, "an offer bounced", m.Code, m.Error, m.Details)
	}
	return failure(check, "look at the server's log", "an offer did not arrive: %v", err)
}

func (p *person) offer(ctx context.Context, to *person, number int) error {
	return p.send(ctx, `{"type":"WEBRTC_OFFER","roomId":%q,"userId":%q,"targetUserId":%q,"offer":{"type":"offer","sdp":"","number":%d}}`,
		p.room, p.id, to.id, number)
}

// awaitOffer returns the offer of a number; people of an existing room may send others.
func (p *person) awaitOffer(ctx context.Context, number int) (message, error) {
	for {
		m, err := p.await(ctx, patience, "WEBRTC_OFFER")
		if err != nil || m.Type != "WEBRTC_OFFER" || m.Offer != nil && m.Offer.Number == number {
			return m, err
		}
	}
}

// checkResume drops a connection, and returns to its seat by the token. other may be nil; it sends
// an offer meanwhile.
func (e *examination) checkResume(ctx context.Context, p, other *person) {
	const check = "room.resume"
	if p.credential != nil && p.credential.ticket != "" {
		e.report(good(check, "not tried: a ticket is for one seat"))
		return
	}
	_ = p.ws.CloseNow()
	sent := false
	if other != nil {
		if m, err := other.await(ctx, patience, "USER_DISCONNECTED"); err == nil && m.Type == "USER_DISCONNECTED" {
			sent = other.offer(ctx, p, 2) == nil
		}
	}
	f := e.seat(ctx, check, "JOIN_ROOM", p)
	if f.Grade == OK && sent {
		if m, err := p.awaitOffer(ctx, 2); err != nil || m.Type != "WEBRTC_OFFER" {
			f = lostOffer(check, m, err)
			f.Found += " after the return"
		}
	}
	e.report(f)
}

// checkLeaving ends the seats, and with them the room if it is doctor's own.
func (e *examination) checkLeaving(ctx context.Context) bool {
	const check = "room.leave"
	if len(e.people) == 0 {
		return true
	}
	for _, p := range e.people {
		err := p.send(ctx, `{"type":"LEAVE_ROOM","roomId":%q,"userId":%q}`, p.room, p.id)
		if err == nil {
			_, err = p.await(ctx, patience, "nothing")
		}
		if !errors.Is(err, errEnded) || !strings.Contains(fmt.Sprint(err), "1000") {
			e.report(failure(check, "look at the server's log", "a seat could not be left cleanly: %v", err))
			return true
		}
	}
	e.people = nil
	e.report(good(check, "all seats are left"))
	return true
}

// leave ends what is left of an examination that was stopped.
func (e *examination) leave() {
	for _, p := range e.people {
		p.close()
	}
}
