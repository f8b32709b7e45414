package room

import "usher/protocol"

// An attachment is one connection of a room, as it is kept with its socket: a version byte, then
// the fields of AppendAttachment. It holds a connection as a snapshot holds everything else, but a
// program reads only those of its own version: with any other, sockets end with the program. It has
// at most 1024 bytes.
const attachmentVersion = 6

// AttachmentVersion is the version of attachments that Wake reads.
const AttachmentVersion = attachmentVersion

// Attachment is what Attach told the shell to keep with a socket.
type Attachment struct {
	Conn  ConnID
	Bytes []byte
	// Secret is fresh randomness. It takes the place of Event.Secret if the connection has a join
	// that waits, because no attachment holds that.
	Secret [protocol.TokenBytes]byte
}

// attached is the part of a connection that changes all the time, as of the last Attach.
type attached struct {
	lastSeenMs int64
	meters
}

// The drift that is worth no new attachment: a relay must not cost one. What a room forgets this
// way when it is dropped is up to a second of a connection's life, and 1/64 of its bursts, which
// refill in less time than a room must be idle before it is dropped.
const (
	attachEveryMs  = 1000
	attachPerBurst = 64
)

// outdated reports whether the attachment has drifted too far from what a connection is at nowMs.
func (a *attached) outdated(now attached, nowMs int64, l *limits) bool {
	return now.lastSeenMs-a.lastSeenMs >= attachEveryMs ||
		drift(now.messages, a.messages, nowMs) > l.messages.whole/attachPerBurst ||
		drift(now.bytes, a.bytes, nowMs) > l.bytes.whole/attachPerBurst ||
		drift(now.output, a.output, nowMs) > l.output.whole/attachPerBurst
}

// outdated reports whether a connection's attachment must be kept again because of what it will be
// at nowMs.
func (r *Room) outdated(c *conn, now attached, nowMs int64, l *limits) bool {
	return r.config.Hibernates && (c.attached == nil || c.attached.outdated(now, nowMs, l))
}

// attach notes what the attachment has, if the shell keeps attachments.
func (r *Room) attach(c *conn) {
	if !r.config.Hibernates {
		return
	}
	if c.attached == nil {
		c.attached = new(attached)
	}
	*c.attached = attached{c.lastSeenMs, c.meters}
}

// drift is how much more of a bucket is taken than was attached, in ns.
func drift(m, attached meter, nowMs int64) int64 { return int64(m) - max(int64(attached), nowMs*1e6) }

// changed notes that a connection's attachment must be kept again. Whatever changes its standing
// calls it.
func (s *step) changed(c *conn) {
	c.attachDue, s.attach = true, true
}

// attachChanged reports what changed, once for each connection, after everything has happened.
// Attach and Stands come together, so that a woken room knows from the attachment which standing
// was reported.
func (s *step) attachChanged() {
	for _, c := range s.conns {
		if !c.attachDue {
			continue
		}
		c.attachDue = false
		if s.config.Hibernates {
			s.Room.attach(c)
			s.effects = append(s.effects, Effect{Kind: Attach, Conn: c.id})
		}
		if stands := c.standing(); stands != c.stands {
			c.stands = stands
			s.effects = append(s.effects, Effect{Kind: Stands, Conn: c.id, Standing: stands})
		}
	}
}

// AppendAttachment appends the attachment of a connection to dst. The last Step must have had an
// Attach for the connection.
func (r *Room) AppendAttachment(dst []byte, id ConnID) []byte {
	c := r.connOf(id)
	flags := flagIf(c.parked, flagParked) | flagIf(c.seat != nil, flagSeated) | flagIf(c.wait != nil, flagWaiting) |
		flagIf(c.identity != nil, flagIdentity) | flagIf(c.hasToken(), flagToken) | flagIf(c.knocking != nil, flagKnocking) | flagIf(c.checking != nil, flagChecking)
	if c.wait != nil {
		flags |= flagIf(c.wait.admitted, flagAdmitted)
		flags |= flagIf(c.wait.create, flagCreate) | flagIf(c.wait.legacy, flagLegacy) | flagIf(c.wait.owned, flagOwned) | flagIf(c.wait.owner, flagOwner)
	}
	dst = append(dst, attachmentVersion)
	dst = appendUvarint(dst, flags)
	dst = appendUint64(dst, c.address)
	for _, n := range []int64{
		c.lastSeenMs, c.pingDueMs, c.closeAtMs, c.renewAtMs, r.lastActivityMs, int64(c.messages), int64(c.bytes), int64(c.output),
	} {
		dst = appendVarint(dst, n)
	}
	dst = appendUvarint(appendUvarint(dst, uint64(c.round.owed)), uint64(c.round.open))
	if c.seat != nil {
		dst = appendText(dst, c.seat.id)
	}
	if c.identity != nil {
		dst = c.identity.append(dst)
	}
	if c.hasToken() {
		dst = c.appendToken(dst)
	}
	if c.wait != nil {
		dst = appendVarint(dst, c.wait.sinceMs)
		dst = appendVarint(dst, c.wait.notBeforeMs)
		for _, text := range []string{c.wait.userID, c.wait.name, c.wait.ref} {
			dst = appendText(dst, text)
		}
	}
	if k := c.knocking; k != nil {
		dst = appendText(appendText(appendUvarint(dst, flagIf(k.create, 1)), k.userID), k.ref)
	}
	dst = appendUvarint(dst, uint64(c.checks))
	if h := c.checking; h != nil {
		dst = appendUvarint(dst, uint64(h.messageType)<<1|flagIf(h.making, 1))
		dst = appendText(appendVarint(dst, h.untilMs), h.ref)
	}
	return appendPaths(dst, c.notes())
}

const (
	flagParked = 1 << iota
	flagSeated
	flagWaiting
	flagCreate
	flagLegacy
	flagOwned
	flagIdentity
	flagKnocking
	flagChecking
	flagAdmitted
	flagOwner
	flagToken
)

func flagIf(set bool, bit uint64) uint64 {
	if set {
		return bit
	}
	return 0
}

// Wake returns the room that was dropped from memory while its sockets stayed open. The snapshot
// is the last one saved, nil if the room does not exist; alarmMs is the time of the alarm that is
// set, 0 if none is; attachments are those of the sockets that are still open, in the order of
// their ids. The first event after it must be Woken, or Paused and then Woken. The error is
// ErrSnapshot or ErrNewer.
func Wake(config *Config, id string, snapshot []byte, alarmMs int64, attachments []Attachment) (*Room, error) {
	r := New(config, id)
	if snapshot != nil {
		var err error
		if r, err = Restore(config, id, snapshot); err != nil {
			return nil, err
		}
	}
	r.alarmMs = alarmMs
	for _, a := range attachments {
		if !r.reattach(a) {
			return nil, ErrSnapshot
		}
	}
	return r, nil
}

func (r *Room) reattach(a Attachment) bool {
	in := reader{b: a.Bytes}
	if in.byte() != attachmentVersion {
		return false
	}
	flags := in.uvarint()
	c := &conn{id: a.Conn, parked: flags&flagParked != 0, address: in.uint64()}
	c.lastSeenMs, c.pingDueMs, c.closeAtMs, c.renewAtMs = in.varint(), in.varint(), in.varint(), in.varint()
	activityMs := in.varint()
	c.messages, c.bytes, c.output = meter(in.varint()), meter(in.varint()), meter(in.varint())
	c.round = round{owed: uint32(in.uvarint()), open: uint32(in.uvarint())}
	if flags&flagSeated != 0 {
		c.seat = r.seatOf(in.take(in.uvarint()))
	}
	if flags&flagIdentity != 0 {
		c.identity = in.identity()
	}
	if flags&flagToken != 0 {
		in.tokenOf(c)
	}
	if flags&flagWaiting != 0 {
		c.wait = &wait{sinceMs: in.varint(), notBeforeMs: in.varint(), owned: flags&flagOwned != 0}
		c.wait.join = join{
			userID: in.text(), name: in.text(), ref: in.text(), create: flags&flagCreate != 0, legacy: flags&flagLegacy != 0,
			admitted: flags&flagAdmitted != 0, secret: a.Secret, owner: flags&flagOwner != 0,
		}
	}
	if flags&flagKnocking != 0 {
		create, k := in.uvarint() == 1, r.knockOf(in.text())
		c.knocking = &knocking{knock: k, create: create, secret: a.Secret, ref: in.text()}
	}
	c.checks = uint32(in.uvarint())
	if flags&flagChecking != 0 {
		what := in.uvarint()
		c.checking = &checking{messageType: protocol.Type(what >> 1), making: what&1 != 0, untilMs: in.varint(), ref: in.text()}
	}
	c.paths = in.paths()
	if in.bad || len(in.b) != 0 {
		return false
	}
	r.attach(c)
	switch {
	case c.parked:
		c.stands = Parked
	case flags&(flagSeated|flagWaiting|flagKnocking) != 0:
		c.stands = Seated
	}
	if c.knocking != nil && (c.knocking.knock == nil || c.knocking.state != knockOpen) {
		c.knocking = nil
	}
	switch {
	case c.seat == nil:
		c.parked = false
	case !c.parked && c.seat.conn != nil:
		return false
	case !c.parked:
		c.seat.conn, c.seat.heldUntilMs = c, 0
		if c.pingDueMs == 0 {
			r.release(c.seat) // delivered already, though that could not be saved
		}
	}
	if r.Exists() {
		r.lastActivityMs = max(r.lastActivityMs, activityMs)
	}
	r.conns = append(r.conns, c)
	return true
}

// woken looks for seats whose connection is gone although nobody reported its end. Then the whole
// program has ended, and all its sockets with it: as after any restart every seat without a
// connection has its whole grace ahead, and the frames held for it may not be all that were sent.
func (s *step) woken() {
	cut := false
	s.rewrite()
	s.due = true // an alarm that is set already stays as it is
	for _, c := range s.conns {
		if c.stands != c.standing() {
			s.changed(c) // its seat ended, and its attachment does not know
		}
	}
	for _, seat := range s.seats {
		cut = cut || seat.conn == nil && seat.heldUntilMs == 0
	}
	if !cut {
		return
	}
	s.renewKnocks(s.nowMs)
	for _, seat := range s.seats {
		if seat.conn == nil {
			s.release(seat)
			seat.hold = &hold{lost: true}
			s.holdSeat(seat, ReasonLost, protocol.CloseRestart)
		}
	}
}
