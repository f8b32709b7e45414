package room

import "usher/protocol"

// notice is a message to several participants.
type notice struct {
	full protocol.ResponseMessage
	// legacy is what legacy clients get instead, nil if they get the same.
	legacy protocol.ResponseMessage
	// brief is full without the room state, for "protocol":1 clients; nil if there is no such
	// version.
	brief protocol.ResponseMessage
	// replaces is Effect.Replaces, except for the copy of the seat that asked: that one is the
	// reply to its request.
	replaces uint64
	asked    *seat
	// reply is the copy of the seat that asked, if it differs.
	reply protocol.ResponseMessage
}

// The versions of a notice.
const (
	fullVersion = iota
	legacyVersion
	briefVersion
	replyVersion
	versions
)

// version returns which version of the notice a seat gets.
func (n *notice) version(seat *seat, frugal bool) int {
	switch {
	case seat == n.asked && n.reply != nil:
		return replyVersion
	case !seat.modern:
		return legacyVersion
	case seat.modern && n.brief != nil && frugal:
		return briefVersion
	}
	return fullVersion
}

// inVersion returns the message of a version.
func (n *notice) inVersion(version int) protocol.ResponseMessage {
	m := [versions]protocol.ResponseMessage{n.full, n.legacy, n.brief, n.reply}[version]
	if state, ok := m.(protocol.StateMessage); ok && (version == legacyVersion || version == replyVersion && !n.asked.modern) {
		return state.Legacy()
	}
	return m
}

// broadcast encodes a message once and sends it to every connected seat except one (nil for all).
func (s *step) broadcast(but *seat, m protocol.ResponseMessage) { s.tell(but, notice{full: m}) }

// tell is broadcast for a notice whose versions differ. It reports whether anybody was sent one.
// Equal frames follow each other, so that a shell may share them.
func (s *step) tell(but *seat, n notice) (told bool) {
	frugal, bytes := n.brief != nil && s.frugal(), 0
	var brief []byte
	if n.legacy == nil {
		n.legacy = n.full
	}
	for version := range versions {
		var frame []byte
		for _, seat := range s.seats {
			if seat == but || seat.conn == nil || n.version(seat, frugal) != version {
				continue
			}
			if frame == nil {
				frame = n.inVersion(version).Append(make([]byte, 0, frameBytes+s.stateSize()))
			}
			e := Effect{Kind: Send, Conn: seat.conn.id, Frame: frame}
			if seat != n.asked {
				e.Replaces = n.replaces
			}
			if version == fullVersion && seat.modern && n.brief != nil {
				if brief == nil {
					brief = n.brief.Append(make([]byte, 0, frameBytes))
				}
				e.Brief = brief
			}
			bytes += len(frame)
			told = true
			s.effects = append(s.effects, e)
		}
	}
	s.chargeOutput(bytes)
	return told
}

// announce sends everybody what a request has changed. asked is nil if an operator has changed it.
// The requester's copy has the request's ref. replaces is Effect.Replaces.
func (s *step) announce(asked *conn, replaces uint64, message func(ref string) protocol.ResponseMessage) {
	n := notice{full: message(""), replaces: replaces}
	if asked != nil {
		n.asked = asked.seat
	}
	if asked != nil && s.ref != "" {
		n.reply = message(s.ref)
	}
	s.tell(nil, n)
}
