package room

import (
	"errors"
	"math"

	"usher/protocol"
)

// A snapshot is everything of a room except its connections: a version byte, sections, and
// endOfSections. A section is its kind, the length of its contents as 4 bytes, and the contents.
// Within it, numbers are varints, strings and frames are preceded by their length, and seconds of
// playback are 8 bytes of IEEE 754.
//
// A program restores every version up to its own, and the next one, so that a release can be rolled
// back. So a version only adds sections to those before it. A section of an unknown kind is kept
// unchanged and written back, unless the kind is odd: then ignoring it would break a promise, such
// as by letting in somebody whom the room has banned, and the room is refused with ErrNewer. What
// an older program has kept may concern seats that have since ended.
//
// Version 1 has no sections: its fields are those of room, playback and seats, one after the other.
// Version 3 adds the roles and the bans. Version 4 has hashes of tokens, in a section of their own;
// where the versions before it have the token, it has the alias of the hash. It also adds the door,
// the knocks, what rooms have that stay, and what tokens of accounts, tickets and invites promise.
const snapshotVersion = 4

// The kinds of sections.
const (
	endOfSections   = 0
	roomSection     = 1
	playbackSection = 2
	seatsSection    = 3
	metersSection   = 4
	// rolesSection must not be ignored: a viewer would be in control.
	rolesSection  = 5
	knocksSection = 6
	// bansSection must not be ignored: somebody whom the room has banned would be let in.
	bansSection   = 7
	hashesSection = 8
	// doorSection must not be ignored: newcomers would walk in.
	doorSection = 9
	keepSection = 10
	// promisesSection must not be ignored: a used ticket or invite would let somebody in again.
	promisesSection = 11
	// policySection must not be ignored: participants would see each other's addresses. It is
	// empty, and there if they may not.
	policySection = 13
)

// isCritical reports whether a section must not be ignored.
func isCritical(kind byte) bool { return kind&1 != 0 }

const (
	flagFreeForAll = 1 << iota
	flagPlayback   // in version 1
	flagHostPlayback
)

const (
	flagModern = 1 << iota
	flagLost
	flagFull
	flagOffers
)

var (
	// ErrSnapshot reports that bytes are not a snapshot.
	ErrSnapshot = errors.New("room: not a snapshot")
	// ErrNewer reports that a snapshot contains something that only a later program understands.
	ErrNewer = errors.New("room: a snapshot of a later version")
)

// AppendSnapshot appends the room's snapshot to dst. The room must exist.
func (r *Room) AppendSnapshot(dst []byte) []byte {
	dst = append(dst, snapshotVersion)
	dst = appendSection(dst, roomSection, r.appendRoom)
	if r.playback != nil {
		dst = appendSection(dst, playbackSection, r.playback.append)
	}
	dst = appendSection(dst, seatsSection, r.appendSeats)
	dst = appendSection(dst, metersSection, r.appendMeters)
	if r.hasRoles() {
		dst = appendSection(dst, rolesSection, r.appendRoles)
	}
	if len(r.bans) > 0 {
		dst = appendSection(dst, bansSection, r.appendBans)
	}
	if r.hasTokens() {
		dst = appendSection(dst, hashesSection, r.appendHashes)
	}
	if r.stay != nil {
		dst = appendSection(dst, keepSection, r.appendKeep)
	}
	if r.hasPromises() {
		dst = appendSection(dst, promisesSection, r.appendPromises)
	}
	if r.relayOnly {
		dst = appendSection(dst, policySection, func(dst []byte) []byte { return dst })
	}
	if r.hasDoor() {
		dst = appendSection(dst, doorSection, r.appendDoor)
	}
	if len(r.knocks) > 0 {
		dst = appendSection(dst, knocksSection, r.appendKnocks)
	}
	dst = append(dst, r.unknown...)
	return append(dst, endOfSections)
}

func appendSection(dst []byte, kind byte, content func([]byte) []byte) []byte {
	dst = append(dst, kind, 0, 0, 0, 0)
	start := len(dst)
	dst = content(dst)
	for i := range 4 {
		dst[start-4+i] = byte((len(dst) - start) >> (8 * i))
	}
	return dst
}

func (r *Room) appendRoom(dst []byte) []byte {
	dst = appendUvarint(dst, flagIf(r.mode == protocol.FreeForAll, flagFreeForAll))
	dst = appendVarint(dst, r.createdAtMs)
	dst = appendVarint(dst, r.lastActivityMs-r.createdAtMs)
	dst = appendVarint(dst, r.emptySinceMs)
	dst = appendUint64(dst, r.creator)
	return appendText(dst, r.name)
}

func (p *playback) append(dst []byte) []byte {
	dst = appendUvarint(dst, flagIf(p.hasHost, flagHostPlayback))
	dst = appendVideo(dst, &p.video)
	if p.hasHost {
		dst = appendVideo(dst, &p.host)
	}
	return appendText(dst, p.url)
}

func (r *Room) appendSeats(dst []byte) []byte {
	host := 0
	for i, seat := range r.seats {
		if seat == r.host {
			host = i
		}
	}
	dst = appendUvarint(dst, uint64(host))
	dst = appendUvarint(dst, uint64(len(r.seats)))
	for _, seat := range r.seats {
		dst = seat.append(dst, r.createdAtMs)
	}
	return dst
}

func (r *Room) appendMeters(dst []byte) []byte {
	dst = appendVarint(dst, r.metMs)
	dst = appendVarint(dst, r.partedMs)
	dst = appendVarint(dst, int64(r.requests))
	dst = appendVarint(dst, int64(r.output))
	dst = appendUvarint(dst, uint64(len(r.spent)))
	for _, s := range r.spent {
		dst = appendUint64(dst, s.address)
		for _, m := range []meter{s.messages, s.bytes, s.output} {
			dst = appendVarint(dst, int64(m))
		}
	}
	return dst
}

func (s *seat) append(dst []byte, sinceMs int64) []byte {
	flags := flagIf(s.modern, flagModern) | flagIf(s.offers, flagOffers)
	if s.hold.spoilt() {
		flags |= flagLost | flagIf(s.hold.full, flagFull)
	}
	dst = appendUvarint(dst, flags)
	dst = appendText(dst, s.id)
	dst = appendText(dst, s.name)
	alias := s.token.alias()
	dst = append(dst, alias[:]...)
	dst = appendVarint(dst, s.joinedAtMs-sinceMs)
	dst = appendUint64(dst, s.address)
	dst = appendVarint(dst, s.heldUntilMs)
	if s.hold == nil {
		return append(dst, 0)
	}
	dst = appendUvarint(dst, uint64(len(s.hold.frames)))
	for _, frame := range s.hold.frames {
		dst = appendText(dst, frame)
	}
	return dst
}

func appendText[T string | []byte](dst []byte, text T) []byte {
	return append(appendUvarint(dst, uint64(len(text))), text...)
}

func appendVideo(dst []byte, v *protocol.VideoState) []byte {
	playing := byte(0)
	if v.IsPlaying {
		playing = 1
	}
	dst = append(dst, playing)
	for _, f := range []float64{v.CurrentTime, v.Duration, v.PlaybackRate} {
		dst = appendUint64(dst, math.Float64bits(f))
	}
	dst = appendVarint(dst, v.LastUpdated)
	return appendText(dst, v.URL)
}

// Restore returns the room that a snapshot was taken of, without its connections. The first event
// after it must be Restored. The error is ErrSnapshot or ErrNewer.
func Restore(config *Config, id string, snapshot []byte) (*Room, error) {
	in := reader{b: snapshot}
	r := New(config, id)
	switch version := in.byte(); {
	case version == 0:
		return nil, ErrSnapshot
	case version == 1:
		in.versionOne(r)
	case version > snapshotVersion+1 || !in.sections(r):
		return nil, ErrNewer
	}
	if in.bad || len(in.b) != 0 || !r.Exists() || len(r.seats) > 0 && r.host == nil {
		return nil, ErrSnapshot
	}
	r.settleKnocks()
	r.savedActivityMs = r.lastActivityMs
	return r, nil
}

// sections reads a snapshot after its version. It reports false at an unknown section that must
// not be ignored.
func (in *reader) sections(r *Room) (ok bool) {
	known := uint64(0)
	var hashes map[secret]tokenHash
	for !in.bad {
		section := in.b
		kind := in.byte()
		if kind == endOfSections {
			break
		}
		content := reader{b: in.take(in.uint32())}
		switch kind {
		case roomSection:
			content.room(r)
		case playbackSection:
			r.playback = content.playback(content.uvarint())
		case seatsSection:
			content.seats(r)
		case metersSection:
			content.meters(r)
		case policySection:
			r.relayOnly = true
		case rolesSection:
			content.roles(r)
		case bansSection:
			content.bans(r)
		case keepSection:
			content.keep(r)
		case hashesSection:
			hashes = content.hashes()
		case promisesSection:
			content.promises(r)
		case doorSection:
			content.door(r)
		case knocksSection:
			content.knocks(r)
		default:
			if isCritical(kind) && !in.bad {
				return false
			}
			r.unknown = append(r.unknown, section[:len(section)-len(in.b)]...)
			continue
		}
		in.bad = in.bad || content.bad || len(content.b) != 0 || known&(1<<kind) != 0
		known |= 1 << kind
	}
	r.resolveTokens(hashes)
	return true
}

func (in *reader) versionOne(r *Room) {
	flags := in.room(r)
	if flags&flagPlayback != 0 {
		r.playback = in.playback(flags)
	}
	in.seats(r)
	r.resolveTokens(nil)
}

func (in *reader) room(r *Room) (flags uint64) {
	flags = in.uvarint()
	if flags&flagFreeForAll != 0 {
		r.mode = protocol.FreeForAll
	}
	r.createdAtMs = in.varint()
	r.lastActivityMs = r.createdAtMs + in.varint()
	r.emptySinceMs = in.varint()
	r.creator = in.uint64()
	r.name = in.text()
	return flags
}

func (in *reader) seats(r *Room) {
	host, seats := in.uvarint(), in.uvarint()
	for range seats {
		seat := in.seat(r.createdAtMs)
		if in.bad {
			return
		}
		r.lastSerial++
		seat.serial = r.lastSerial
		if seat.hold != nil {
			r.heldBytes += seat.hold.bytes
		}
		r.seats = append(r.seats, seat)
	}
	if host < seats {
		r.host = r.seats[host]
	}
}

func (in *reader) meters(r *Room) {
	r.metMs, r.partedMs, r.requests, r.output = in.varint(), in.varint(), meter(in.varint()), meter(in.varint())
	for range in.uvarint() {
		s := spent{address: in.uint64()}
		s.messages, s.bytes, s.output = meter(in.varint()), meter(in.varint()), meter(in.varint())
		if in.bad {
			return
		}
		r.spent = append(r.spent, s)
	}
}

func (in *reader) text() string { return string(in.take(in.uvarint())) }

func (in *reader) playback(flags uint64) *playback {
	p := &playback{video: in.video()}
	if flags&flagHostPlayback != 0 {
		p.host, p.hasHost = in.video(), true
	}
	p.url = in.text()
	return p
}

func (in *reader) video() protocol.VideoState {
	v := protocol.VideoState{IsPlaying: in.byte() == 1}
	for _, f := range []*float64{&v.CurrentTime, &v.Duration, &v.PlaybackRate} {
		*f = math.Float64frombits(in.uint64())
	}
	v.LastUpdated = in.varint()
	v.URL = in.text()
	return v
}

func (in *reader) seat(sinceMs int64) *seat {
	flags := in.uvarint()
	s := &seat{modern: flags&flagModern != 0, offers: flags&flagOffers != 0, id: in.text(), name: in.text(), token: in.token()}
	s.joinedAtMs = sinceMs + in.varint()
	s.address = in.uint64()
	s.heldUntilMs = in.varint()
	frames := in.uvarint()
	if flags&flagLost != 0 || frames > 0 {
		s.hold = &hold{lost: flags&flagLost != 0, full: flags&flagFull != 0}
	}
	for range frames {
		frame := []byte(in.text())
		if in.bad {
			break
		}
		s.hold.frames = append(s.hold.frames, frame)
		s.hold.bytes += len(frame)
	}
	return s
}
