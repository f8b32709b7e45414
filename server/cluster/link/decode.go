package link

import (
	"encoding/binary"
	"errors"
	"iter"

	"usher/server/cluster/lease"
	"usher/server/tracing"
)

// The errors of Decode.
var (
	// ErrVersion: the message has a major version that is not spoken here.
	ErrVersion = errors.New("a message of another major version")
	// ErrMalformed: no version of this package wrote the message.
	ErrMalformed = errors.New("a malformed message")
)

// Message is a decoded message. It points into the bytes that it was decoded from.
type Message struct {
	Head
	id, items []byte
}

// Decode checks all of a message, which may come from anywhere, and decodes its head.
func Decode(b []byte) (m Message, err error) {
	m, err = decode(b, Spoken)
	m.From.ID = string(m.id)
	return m, err
}

// decode is Decode that leaves the sender's id as bytes.
func decode(b []byte, speaks Wire) (m Message, err error) {
	switch {
	case len(b) < 2 || len(b) > MaxMessageBytes:
		return m, ErrMalformed
	case !speaks.has(b[0]):
		return m, ErrVersion
	case len(b) < headPrefix:
		return m, ErrMalformed
	}
	size := int(binary.LittleEndian.Uint16(b[2:]))
	head, items := b[headPrefix:], b[min(len(b), headPrefix+size):]
	if len(head) < size || size < headFixed {
		return m, ErrMalformed
	}
	head = head[:size]
	id, _, ok := short(head[headFixed:])
	if !ok || !validID(id) {
		return m, ErrMalformed
	}
	field := func(i int) uint64 { return binary.LittleEndian.Uint64(head[8*i:]) }
	m.Major, m.Minor = b[0], b[1]
	m.From.Nonce, m.Link, m.Sequence, m.Peer, m.Handled, m.Dead = field(0), field(1), field(2), field(3), field(4), field(5)
	if m.Link == 0 || m.Sequence == 0 || m.From.Nonce == 0 {
		return m, ErrMalformed
	}
	for rest := items; len(rest) > 0; {
		var i Item
		if i, rest, ok = nextItem(rest); !ok || !i.valid() {
			return Message{}, ErrMalformed
		}
	}
	m.id, m.items = id, items
	return m, nil
}

// Items are the items in their order, those of unknown kinds too.
func (m *Message) Items() iter.Seq[Item] {
	return func(yield func(Item) bool) {
		for rest := m.items; len(rest) > 0; {
			var i Item
			if i, rest, _ = nextItem(rest); !yield(i) {
				return
			}
		}
	}
}

// nextItem splits the first item off. An item of a kind that this version does not know has no
// fields.
func nextItem(b []byte) (i Item, rest []byte, ok bool) {
	if len(b) < itemPrefix {
		return i, nil, false
	}
	size := binary.LittleEndian.Uint32(b[1:])
	if uint64(size) > uint64(len(b)-itemPrefix) {
		return i, nil, false
	}
	i.Kind = Kind(b[0])
	body, rest := b[itemPrefix:itemPrefix+size], b[itemPrefix+size:]
	if !i.Kind.known() {
		return i, rest, true
	}
	if len(body) < 4 {
		return i, nil, false
	}
	i.Shard, i.Code = binary.LittleEndian.Uint16(body), binary.LittleEndian.Uint16(body[2:])
	body = body[4:]
	for _, field := range [...]*uint64{&i.Term, &i.Conn} {
		n, took := binary.Uvarint(body)
		if took <= 0 {
			return i, nil, false
		}
		*field, body = n, body[took:]
	}
	i.Bytes = body
	return i, rest, true
}

// validID is lease.ValidID without making a string.
func validID(id []byte) bool {
	for _, c := range id {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return len(id) > 0 && len(id) <= lease.MaxIDBytes
}

func (k Kind) known() bool { return k >= Beat && k <= Traced || k >= Opened && k <= Viewed }

// valid reports whether Bytes is what the kind says.
func (i *Item) valid() bool {
	switch i.Kind {
	case Open:
		_, ok := decodeOpening(i.Bytes)
		return ok
	case Traced:
		return tracing.DecodeContext(i.Bytes) != nil
	case Frame:
		_, _, ok := short(i.Bytes)
		return ok
	case Send:
		_, conns, ok := i.sent()
		return ok && areConns(conns)
	case Read:
		return areConns(i.Bytes)
	case Create:
		_, _, ok := decodeArrangement(i.Bytes)
		return ok
	case CreateWith:
		_, _, ok := decodeArrangementWith(i.Bytes)
		return ok
	case Operate:
		_, _, ok := decodeAct(i.Bytes)
		return ok
	case Operated:
		_, ok := decodeOutcome(i.Bytes)
		return ok
	case Viewed:
		_, _, ok := decodeView(i.Bytes)
		return ok
	case Created:
		_, _, ok := decodeCreation(i.Bytes)
		return ok
	case Described:
		_, _, ok := decodeDescription(i.Bytes)
		return ok
	case AskSeat:
		_, ok := decodeClaim(i.Bytes)
		return ok
	case Seated:
		_, _, ok := decodeHolding(i.Bytes)
		return ok
	}
	return true
}

// sent splits the bytes of a Send.
func (i *Item) sent() (frame, conns []byte, ok bool) {
	if len(i.Bytes) < 4 {
		return nil, nil, false
	}
	size, rest := binary.LittleEndian.Uint32(i.Bytes), i.Bytes[4:]
	if uint64(size) > uint64(len(rest)) {
		return nil, nil, false
	}
	return rest[:size], rest[size:], true
}

func areConns(b []byte) bool {
	for len(b) > 0 {
		_, took := binary.Uvarint(b)
		if took <= 0 {
			return false
		}
		b = b[took:]
	}
	return true
}

// conns decodes a list of connections.
func conns(b []byte) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for len(b) > 0 {
			conn, took := binary.Uvarint(b)
			if took <= 0 || !yield(conn) {
				return
			}
			b = b[took:]
		}
	}
}
