package link

import (
	"encoding/binary"

	"usher/protocol"
	"usher/room"
	"usher/server/cluster/lease"
)

// MinWire and MaxWire are the major versions of messages that this package speaks, and Minor is the
// minor version that it sends.
const (
	MinWire = 1
	MaxWire = 1
	Minor   = 2
)

// The bounds of a message.
const (
	// TurnBytes bounds a message, unless it has one item that is larger: what a turn has to send
	// beyond it goes into further messages.
	TurnBytes = 256 << 10
	// MaxMessageBytes bounds a message with one large frame: the largest frame that an operator may
	// allow, and 64 KiB.
	MaxMessageBytes = 1<<20 + 64<<10
	// MaxTokenBytes bounds the token of a claim. A longer one is nobody's.
	MaxTokenBytes = 64
	// maxConnsBytes bounds the list of those that get one frame.
	maxConnsBytes = 48 << 10
)

// Incarnation is one life of a node.
type Incarnation = lease.Incarnation

// Kind is what an item says.
type Kind uint8

// The kinds of items. Conn is the edge's number for a connection or a question.
const (
	// Beat says nothing; the head of its message does.
	Beat Kind = 1

	// From the edge to the owner.

	// Open: a connection, with an opening.
	Open Kind = 2
	// Frame: a text frame, after the code for refusing a new seat.
	Frame Kind = 3
	// Invalid: a text frame that was not UTF-8.
	Invalid Kind = 4
	// Binary: a binary frame. Seen: a control frame. Exceeded: the address has used up its budget.
	Binary   Kind = 5
	Seen     Kind = 6
	Exceeded Kind = 7
	// End: the edge wants the connection closed with Code, after what is queued for it.
	End Kind = 8
	// Gone: the socket has ended with Code. Nothing follows for Conn.
	Gone Kind = 9
	// Ask: what may be known about a room, Bytes. Conn is the question's number.
	Ask Kind = 10
	// Arrived answers Read: what had arrived has been sent. Conn is Read's.
	Arrived Kind = 11
	// AskSeat: whose seat a resume token is, a claim. Conn is the question's number.
	AskSeat Kind = 12
	// Create: a room ahead of its people, with an arrangement. Conn is the question's number.
	Create Kind = 13
	// Operate: an operator's act. AskView: a room as its operator sees it, whose id is Bytes. Conn
	// is the question's number.
	Operate Kind = 14
	AskView Kind = 15
	// CreateWith is Create with details, such as a door, before the arrangement. A node of an older
	// version does not reply, rather than make a room without them.
	CreateWith Kind = 16
	// Traced: Bytes are the span that the next Open is part of, if it has the same Conn. A node of
	// an older minor version skips it.
	Traced Kind = 17

	// From the owner to the edge.

	// Opened: the connection is known to its room. Refused: it is not, for the code in Bytes.
	Opened  Kind = 32
	Refused Kind = 33
	// Moved: this node does not own the room in that term. It answers Open, Ask and AskSeat.
	Moved Kind = 34
	// Send: one frame for all connections listed.
	Send Kind = 35
	// Ping: send a ping. Close: close with Code, after what was sent before. Cut: end it at once.
	Ping  Kind = 36
	Close Kind = 37
	Cut   Kind = 38
	// Stands: the connection's standing, in Code.
	Stands Kind = 39
	// Described answers Ask, with a description.
	Described Kind = 40
	// Read: read what has arrived for the connections listed, then answer Arrived. Conn is the
	// owner's number for the question.
	Read Kind = 41
	// Seated answers AskSeat, with a holding.
	Seated Kind = 42
	// Created answers Create, with a creation.
	Created Kind = 43
	// Operated answers Operate, with the code of a refusal. Viewed answers AskView, with a view.
	Operated Kind = 44
	Viewed   Kind = 45
)

// Head is what all items of a message have in common.
type Head struct {
	// Major and Minor are the sender's version. A newer minor version has all that this one has.
	Major, Minor uint8
	// From is the sender.
	From Incarnation
	// Link is the sender's number for the link, and Sequence counts its messages from 1.
	Link, Sequence uint64
	// Peer is the receiver's link that the sender takes messages of, 0 for none yet. Handled is how
	// many bytes of it the sender has handled.
	Peer, Handled uint64
	// Dead: the sender takes nothing more of the receiver's links up to this number.
	Dead uint64
}

// Item is one thing that a message says.
type Item struct {
	Kind  Kind
	Shard uint16
	Code  uint16
	Term  uint64
	Conn  uint64
	// Bytes points into the message.
	Bytes []byte
}

const (
	headPrefix = 4 // versions, length of the rest of the head
	headFixed  = 6 * 8
	itemPrefix = 5 // kind, length
)

// appendHead appends a head of this minor version. All heads of one sender have one length, so
// another can replace it.
func appendHead(b []byte, h *Head) []byte {
	b = append(b, h.Major, Minor)
	b = binary.LittleEndian.AppendUint16(b, uint16(headFixed+1+len(h.From.ID)))
	for _, n := range [...]uint64{h.From.Nonce, h.Link, h.Sequence, h.Peer, h.Handled, h.Dead} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	b = append(b, byte(len(h.From.ID)))
	return append(b, h.From.ID...)
}

// appendItem appends an item. Its bytes are those that are given and then, if it is not "", rest.
func appendItem(b []byte, i *Item, rest []byte) []byte {
	start := len(b)
	b = append(b, byte(i.Kind), 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint16(b, i.Shard)
	b = binary.LittleEndian.AppendUint16(b, i.Code)
	b = binary.AppendUvarint(b, i.Term)
	b = binary.AppendUvarint(b, i.Conn)
	b = append(append(b, i.Bytes...), rest...)
	return sized(b, start)
}

// sized writes the length of the item that begins at start and is the last one.
func sized(b []byte, start int) []byte {
	binary.LittleEndian.PutUint32(b[start+1:], uint32(len(b)-start-itemPrefix))
	return b
}

// appendSend appends a Send for one connection. appendConn may follow, for others.
func appendSend(b []byte, shard uint16, term uint64, frame []byte, conn uint64) []byte {
	start := len(b)
	b = append(b, byte(Send), 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint16(b, shard)
	b = append(b, 0, 0)
	b = binary.AppendUvarint(b, term)
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)))
	b = binary.AppendUvarint(append(b, frame...), conn)
	return sized(b, start)
}

// appendConn adds a connection to the Send that begins at start and is the last item.
func appendConn(b []byte, start int, conn uint64) []byte {
	return sized(binary.AppendUvarint(b, conn), start)
}

// opening is the Bytes of Open.
type opening struct {
	address   uint64
	uncounted bool
	requestID string
	roomID    string
	// identity is nil for nothing. A node of minor version 0 does not open what has one: it takes
	// it for a part of the room id.
	identity *room.Identity
}

// The flags of an opening.
const (
	openUncounted = 1 << iota
	openIdentified
)

// maxRequestIDBytes bounds a request id. A trusted proxy may choose it.
const maxRequestIDBytes = 64

func (o *opening) append(b []byte) []byte {
	flags := byte(0)
	if o.uncounted {
		flags |= openUncounted
	}
	if o.identity != nil {
		flags |= openIdentified
	}
	b = append(binary.LittleEndian.AppendUint64(b, o.address), flags)
	b = appendShort(b, o.requestID[:min(len(o.requestID), maxRequestIDBytes)])
	if o.identity != nil {
		b = appendIdentity(b, o.identity)
	}
	return append(b, o.roomID...)
}

func decodeOpening(b []byte) (o opening, ok bool) {
	if len(b) < 9 {
		return o, false
	}
	o.address, o.uncounted = binary.LittleEndian.Uint64(b), b[8]&openUncounted != 0
	id, rest, ok := short(b[9:])
	if !ok || len(id) > maxRequestIDBytes {
		return o, false
	}
	o.requestID = string(id)
	if b[8]&openIdentified != 0 {
		if o.identity, rest, ok = decodeIdentity(rest); !ok {
			return o, false
		}
	}
	o.roomID = string(rest)
	return o, true
}

// appendShort appends a text of up to 255 bytes with its length.
func appendShort[S ~string | ~[]byte](b []byte, s S) []byte {
	return append(append(b, byte(len(s))), s...)
}

// short takes what appendShort appended.
func short(b []byte) (s, rest []byte, ok bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return nil, nil, false
	}
	return b[1 : 1+b[0]], b[1+b[0]:], true
}

// The flags of an identity.
const (
	identityHasRole = 1 << iota
	identityMayCreate
	identityInvited
)

const identityFixed = 2 + 3*8 + len(room.PassID{})

func appendIdentity(b []byte, who *room.Identity) []byte {
	flags := byte(0)
	for i, set := range [...]bool{who.HasRole, who.MayCreate, who.Invited} {
		if set {
			flags |= 1 << i
		}
	}
	b = append(b, flags, byte(who.Role))
	for _, ms := range [...]int64{who.ExpiresAtMs, who.EnterUntilMs, who.RoomSinceMs} {
		b = binary.LittleEndian.AppendUint64(b, uint64(ms))
	}
	return appendShort(appendShort(append(b, who.Once[:]...), who.UserID), who.Name)
}

func decodeIdentity(b []byte) (who *room.Identity, rest []byte, ok bool) {
	if len(b) < identityFixed || b[1] > byte(protocol.Host) {
		return nil, nil, false
	}
	ms := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[2+8*i:])) }
	who = &room.Identity{
		HasRole: b[0]&identityHasRole != 0, MayCreate: b[0]&identityMayCreate != 0, Invited: b[0]&identityInvited != 0,
		Role: protocol.Role(b[1]), ExpiresAtMs: ms(0), EnterUntilMs: ms(1), RoomSinceMs: ms(2),
	}
	copy(who.Once[:], b[2+3*8:])
	user, rest, ok := short(b[identityFixed:])
	if !ok {
		return nil, nil, false
	}
	name, rest, ok := short(rest)
	who.UserID, who.Name = string(user), string(name)
	return who, rest, ok
}
