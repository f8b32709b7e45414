package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A peer is a server that does the same work as usher: it seats people in rooms and carries offers
// between them, in its own idiom. Each is in a file of its name.
type peer interface {
	dialect
	about() peerAbout
	// prepare builds or installs what it runs; errMissing says why it cannot be measured here.
	prepare(k *kit) error
	// command starts a server of it.
	command(k *kit, s *server) (program string, args, environment []string, err error)
}

// dialect is how a client of a server speaks.
type dialect interface {
	// path is where a person's WebSocket connects.
	path(p *person) string
	// opened sends what joins the room, once the WebSocket is open.
	opened(p *person)
	// received reads a message that carries no offer. It calls p.seated once the server has said
	// that the person is in the room.
	received(p *person, message []byte)
	// offer is the message that carries an offer to another person; body makes the offer.
	offer(from, to *person, body func(escaped bool) []byte) []byte
	// broadcast is the message that carries a text without escapes to the others of the room.
	broadcast(from *person, text []byte) []byte
}

// peerAbout is what stands beside a peer's figures.
type peerAbout struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Checks   string `json:"checks"`
	Keeps    string `json:"keeps"`
	Promises string `json:"promises"`
	// What it cannot do is left out of its figures.
	noTLS, noBroadcast bool
	// echoes says that a broadcast also reaches its sender.
	echoes bool
	// slow servers get fewer messages in the closed loop.
	slow bool
}

// errMissing is why a peer cannot be measured on this machine.
var errMissing = errors.New("missing")

func missing(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errMissing, fmt.Sprintf(format, args...))
}

// person is one client.
type person struct {
	load   *peerLoad
	room   string
	seat   int // in the room
	number int
	conn   *conn
	state  seatState
	asked  time.Time
	// id is the name by which others reach the person: the client chooses it, or the server.
	id string
	// token is what a server wants to see when the person returns.
	token string
	// inbox has what is to come from a sender, nil for nothing.
	inbox *inbox
}

// dial connects, and joins as soon as it is connected.
func (p *person) dial() {
	p.state, p.asked = dialling, time.Now()
	c := &conn{loop: p.load.loop, server: p.load.loop.server, handler: p, fd: -1}
	p.conn = c
	if r, ok := p.load.peer.(requester); ok {
		c.request = r.request(p)
	} else {
		c.path = p.load.peer.path(p)
	}
	p.load.loop.start(c)
}

// requester is a dialect whose clients ask by HTTP first. The response tells the path.
type requester interface {
	request(p *person) []byte
	answered(p *person, body []byte) error
}

func (p *person) answered(_ *conn, body []byte) (path string, err error) {
	if err := p.load.peer.(requester).answered(p, body); err != nil {
		return "", err
	}
	return p.load.peer.path(p), nil
}

func (p *person) opened(*conn) {
	p.state = asking
	p.load.peer.opened(p)
}

func (p *person) say(format string, args ...any) {
	p.conn.send(opText, fmt.Appendf(nil, format, args...))
}

// fail ends the measurement.
func (p *person) fail(format string, args ...any) { p.load.loop.fail(fmt.Errorf(format, args...)) }

// seated is called by the dialect.
func (p *person) seated() {
	if p.state != asking {
		p.fail("%s: seated twice, or without having asked", p.id)
		return
	}
	p.state = seated
	p.load.joined(p)
}

// text hands an offer to the inbox, and everything else to the dialect. One frame may carry several
// messages.
func (p *person) text(_ *conn, message []byte) {
	marker := offerMarker
	if p.load.broadcasting {
		marker = broadcastMarker
	}
	at := bytes.Index(message, marker)
	if at < 0 {
		p.load.peer.received(p, message)
		return
	}
	for ; at >= 0; at = bytes.Index(message, marker) {
		message = message[at:]
		if p.inbox == nil {
			if !p.load.broadcasting || !p.load.peer.about().echoes {
				p.fail("an offer came to %s, who expects none", p.id)
			}
			return
		}
		n := p.inbox.arrived(message)
		message = message[n:]
	}
}

func (p *person) closed(_ *conn, code int) {
	was := p.state
	p.state = absent
	if was != leaving {
		p.load.lost(p, was, code)
	}
}

// stream is the numbered messages of one sender.
type stream struct {
	load *peerLoad
	from *person
	op   opcode
	// message is what is sent, body where in it the part is that must arrive unchanged, and
	// sequence the 13 digits of its number.
	message, body, sequence []byte
	inboxes                 []*inbox
	sent, goal, window      int
	sentAt                  []time.Time
}

// inbox is what one receiver of a stream has got.
type inbox struct {
	stream *stream
	next   int
}

// streamRing is more than is ever in flight in one stream.
const streamRing = 1 << 12

var (
	offerMarker     = []byte("v=0")
	broadcastMarker = []byte("https://example.org/film?n=")
)

// offerBody is an offer of 1.2 KB, as it stands in JSON or as it is.
func offerBody(escaped bool) []byte {
	newline := "\r\n"
	if escaped {
		newline = `\r\n`
	}
	sdp := strings.Replace(offerSDP, "4611731400430051336", fmt.Sprint(firstSequence), 1)
	return []byte(strings.ReplaceAll(sdp, "\n", newline))
}

// broadcastText is what is sent to everybody in a room: an address of 300 bytes, without anything
// that some encoder of JSON escapes.
func broadcastText() []byte {
	const size = 300
	text := fmt.Appendf(nil, "%s%d-", broadcastMarker, firstSequence)
	return append(text, bytes.Repeat([]byte("0"), size-len(text))...)
}

func (l *peerLoad) newOffers(from, to *person) *stream {
	var body []byte
	message := l.peer.offer(from, to, func(escaped bool) []byte {
		body = offerBody(escaped)
		return body
	})
	s := l.newStream(from, message, body)
	s.addTo(to)
	return s
}

func (l *peerLoad) newBroadcast(from *person, to []*person) *stream {
	text := broadcastText()
	s := l.newStream(from, l.peer.broadcast(from, text), text)
	for _, p := range to {
		s.addTo(p)
	}
	return s
}

func (l *peerLoad) newStream(from *person, message, body []byte) *stream {
	s := &stream{load: l, from: from, op: opText, message: message, sentAt: make([]time.Time, streamRing)}
	if message[0] != '{' && message[0] != '4' {
		s.op = opBinary
	}
	at := bytes.Index(message, body)
	s.body = message[at : at+len(body)]
	number := bytes.Index(s.body, fmt.Append(nil, firstSequence))
	s.sequence = s.body[number : number+13]
	return s
}

func (s *stream) addTo(p *person) {
	p.inbox = &inbox{stream: s}
	s.inboxes = append(s.inboxes, p.inbox)
}

func (s *stream) number(n int) {
	v := firstSequence + n
	for i := len(s.sequence) - 1; i >= 0; i-- {
		s.sequence[i] = byte('0' + v%10)
		v /= 10
	}
}

func (s *stream) sendOne() {
	s.number(s.sent)
	s.sentAt[s.sent%streamRing] = time.Now()
	s.sent++
	s.from.conn.send(s.op, s.message)
}

// fill keeps the window full.
func (s *stream) fill() {
	for s.sent < s.goal && s.sent-s.inboxes[0].next < s.window {
		s.sendOne()
	}
}

// arrived checks that the message begins with the next body, not a byte changed, and returns its
// length.
func (i *inbox) arrived(message []byte) int {
	s := i.stream
	s.number(i.next)
	if !bytes.HasPrefix(message, s.body) || i.next >= s.sent {
		s.load.loop.fail(fmt.Errorf("message %d arrived lost, changed or out of order: %.300q", i.next, message))
		return len(message)
	}
	s.load.latencies = append(s.load.latencies, time.Since(s.sentAt[i.next%streamRing]))
	i.next++
	s.load.arrivals++
	if s.window > 0 {
		s.fill()
	}
	return len(s.body)
}
