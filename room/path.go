package room

import "usher/protocol"

// maxPathNotes bounds the reports that are kept of one connection, so that its attachment stays
// small. The oldest goes first; its pair then has no reason until both report again.
const maxPathNotes = 64

// pathNote is what a connection's client has last said about its path to a seat. It is part of the
// attachment: a report says nothing about the next connection of its seat.
type pathNote struct {
	// seat is the key of the seat that it is about.
	seat   uint32
	report protocol.PathReport
	// oneSided: a reason was told although the other one had not reported.
	oneSided bool
}

// pathKey is a number for a seat that is the same after Restore and Wake (FNV-1a). Two seats with
// the same one could only mix up their reasons.
func (s *seat) pathKey() uint32 {
	const offset, prime = 2166136261, 16777619
	h := uint32(offset)
	for i := range len(s.id) {
		h = (h ^ uint32(s.id[i])) * prime
	}
	for shift := 0; shift < 64; shift += 8 {
		h = (h ^ uint32(byte(s.joinedAtMs>>shift))) * prime
	}
	return h
}

// pathNotes are in the order in which they were made.
type pathNotes []pathNote

func (c *conn) notes() pathNotes {
	if c.paths == nil {
		return nil
	}
	return *c.paths
}

// addNote adds an empty note on a seat.
func (c *conn) addNote(seat uint32) *pathNote {
	notes := c.notes()
	if len(notes) == maxPathNotes {
		notes = append(notes[:0], notes[1:]...)
	}
	notes = append(notes, pathNote{seat: seat})
	c.paths = &notes
	return &notes[len(notes)-1]
}

// noteOn returns what the connection's client has said about a seat, nil for nothing.
func (c *conn) noteOn(seat *seat) *pathNote {
	if c == nil {
		return nil
	}
	key := seat.pathKey()
	notes := c.notes()
	for i := range notes {
		if notes[i].seat == key {
			return &notes[i]
		}
	}
	return nil
}

// reportPath handles PATH_REPORT: it keeps the report, and tells both of the pair the reason if
// that is new. Nobody who has not said "protocol":1 is told anything, and somebody who has just
// left is no error.
func (s *step) reportPath(c *conn, m *protocol.Message) {
	target := s.seatOf(m.TargetUserID)
	if target == nil || target == c.seat || !c.seat.modern {
		return
	}
	mine, theirs := c.noteOn(target), target.conn.noteOn(c.seat)
	before, had := pathNote{}, mine != nil
	if had {
		before = *mine
	} else {
		mine = c.addNote(target.pathKey())
	}
	mine.report = m.PathReport
	if theirs != nil {
		mine.oneSided = false
		reason := s.whyNotDirect(mine.report, theirs.report)
		if !had || before.oneSided || theirs.oneSided || reason != s.whyNotDirect(before.report, theirs.report) {
			s.tellPath(c.seat, target, reason)
		}
		if theirs.oneSided {
			theirs.oneSided = false
			s.changed(target.conn)
		}
	} else if had || target.conn == nil || !target.modern {
		// The other one does not report, or would have by now.
		mine.oneSided = true
		if reason := reasonOfOne(mine.report); !before.oneSided || reason != reasonOfOne(before.report) {
			s.tellPath(c.seat, target, reason)
		}
	}
	s.changed(c)
}

// whyNotDirect is the one rule of reasons. It is the same for both of a pair.
func (s *step) whyNotDirect(a, b protocol.PathReport) protocol.PathReason {
	either := func(holds func(protocol.PathReport) bool) bool { return holds(a) || holds(b) }
	stun := func(is uint8) bool { return a.STUN == is || b.STUN == is }
	turn := func(is uint8) bool { return a.TURN == is || b.TURN == is }
	families := a.Family | b.Family // OnlyIPv4 | OnlyIPv6 is Both
	apart := families == protocol.Both && a.Family != protocol.Both && b.Family != protocol.Both
	switch {
	// Only the side that relays is sure to know: the other may see a peer reflexive candidate.
	case either(func(p protocol.PathReport) bool { return p.Path == protocol.RelayedPath }):
		return protocol.PathRelayed
	case either(func(p protocol.PathReport) bool { return p.Path == protocol.DirectPath }):
		return protocol.PathDirect
	case s.relayOnly && turn(protocol.NoTURN):
		return protocol.PathNoTURN
	case s.relayOnly && turn(protocol.TURNFailed):
		return protocol.PathTURNFailed
	case s.relayOnly:
		return protocol.PathBlocked
	case apart && a.Family != protocol.UnknownFamily && b.Family != protocol.UnknownFamily:
		return protocol.PathNoCommonFamily
	case either(func(p protocol.PathReport) bool { return p.STUN == protocol.NoSTUN && p.Host == protocol.OnlyMDNS }):
		return protocol.PathMDNSOnly
	case stun(protocol.NoSTUN):
		return protocol.PathNoSTUN
	case stun(protocol.STUNSilent):
		return protocol.PathUDPBlocked
	case turn(protocol.TURNFailed):
		return protocol.PathTURNFailed
	case turn(protocol.NoTURN):
		return protocol.PathSymmetricNAT
	}
	return protocol.PathBlocked
}

// reasonOfOne is the reason if only one of a pair reports.
func reasonOfOne(p protocol.PathReport) protocol.PathReason {
	switch p.Path {
	case protocol.DirectPath:
		return protocol.PathDirect
	case protocol.RelayedPath:
		return protocol.PathRelayed
	}
	return protocol.PathPeerSilent
}

// tellPath sends the reason to those of a pair who are connected and know the message.
func (s *step) tellPath(a, b *seat, reason protocol.PathReason) {
	s.effects = append(s.effects, Effect{Kind: Explained, Path: reason})
	for _, pair := range [][2]*seat{{a, b}, {b, a}} {
		if to := pair[0]; to.conn != nil && to.modern {
			s.send(to.conn, protocol.PathMessage{RoomID: s.id, OtherUserID: pair[1].id, Reason: reason, Timestamp: s.nowMs})
		}
	}
}

// appendPaths appends the notes for an attachment: number, then each with its seat and, in two
// bytes, the rest.
func appendPaths(dst []byte, notes []pathNote) []byte {
	dst = appendUvarint(dst, uint64(len(notes)))
	for _, n := range notes {
		p := n.report
		dst = append(dst, byte(n.seat>>24), byte(n.seat>>16), byte(n.seat>>8), byte(n.seat))
		dst = append(dst, p.Path|p.Host<<2|p.Family<<4|p.STUN<<6, p.TURN|byte(flagIf(n.oneSided, 1<<2)))
	}
	return dst
}

// paths reads what appendPaths wrote.
func (in *reader) paths() *pathNotes {
	n := in.uvarint()
	if n > maxPathNotes {
		in.bad = true
		return nil
	}
	if n == 0 {
		return nil
	}
	notes := make(pathNotes, 0, n)
	for range n {
		note := pathNote{}
		for range 4 {
			note.seat = note.seat<<8 | uint32(in.byte())
		}
		first, second := in.byte(), in.byte()
		note.report = protocol.PathReport{Path: first & 3, Host: first >> 2 & 3, Family: first >> 4 & 3, STUN: first >> 6, TURN: second & 3}
		note.oneSided = second&(1<<2) != 0
		notes = append(notes, note)
	}
	return &notes
}
