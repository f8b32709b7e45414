package room

import (
	"errors"
	"math"

	"usher/protocol"
)

// A snapshot is everything of a room but its connections: a version byte, then
// the fields below in order. Numbers are varints, strings and frames have
// their length in front, seconds of playback are 8 bytes of IEEE 754.
const snapshotVersion = 2

const (
	flagFreeForAll = 1 << iota
	flagPlayback
	flagHostPlayback
)

const (
	flagModern = 1 << iota
	flagLost
	flagFull
	flagOffers
)

// ErrSnapshot says that bytes are not a snapshot of a version that this program knows.
var ErrSnapshot = errors.New("room: not a snapshot")

// AppendSnapshot appends the room's snapshot to dst. The room must exist.
func (r *Room) AppendSnapshot(dst []byte) []byte {
	var flags, host uint64
	if r.mode == protocol.FreeForAll {
		flags |= flagFreeForAll
	}
	if r.playback != nil {
		flags |= flagPlayback
		if r.playback.hasHost {
			flags |= flagHostPlayback
		}
	}
	for i, seat := range r.seats {
		if seat == r.host {
			host = uint64(i)
		}
	}
	dst = append(dst, snapshotVersion)
	dst = appendUvarint(dst, flags)
	dst = appendVarint(dst, r.createdAtMs)
	dst = appendVarint(dst, r.lastActivityMs-r.createdAtMs)
	dst = appendVarint(dst, r.emptySinceMs)
	dst = r.appendMeters(dst)
	dst = appendUint64(dst, r.creator)
	dst = appendText(dst, r.name)
	if r.playback != nil {
		dst = appendVideo(dst, &r.playback.video)
		if r.playback.hasHost {
			dst = appendVideo(dst, &r.playback.host)
		}
		dst = appendText(dst, r.playback.url)
	}
	dst = appendUvarint(dst, host)
	dst = appendUvarint(dst, uint64(len(r.seats)))
	for _, seat := range r.seats {
		dst = seat.append(dst, r.createdAtMs)
	}
	return dst
}

// appendMeters appends what snapshots have since version 2.
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

func (s *seat) append(dst []byte, sinceMs int64) []byte {
	flags := flagIf(s.modern, flagModern) | flagIf(s.offers, flagOffers)
	if s.hold.spoilt() {
		flags |= flagLost | flagIf(s.hold.full, flagFull)
	}
	dst = appendUvarint(dst, flags)
	dst = appendText(dst, s.id)
	dst = appendText(dst, s.name)
	dst = append(dst, s.token[:]...)
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

// Restore returns the room that a snapshot was taken of, without its
// connections. The first event after it must be Restored. The error is ErrSnapshot.
func Restore(config *Config, id string, snapshot []byte) (*Room, error) {
	in := reader{b: snapshot}
	version := in.byte()
	if version == 0 || version > snapshotVersion {
		return nil, ErrSnapshot
	}
	r := New(config, id)
	flags := in.uvarint()
	if flags&flagFreeForAll != 0 {
		r.mode = protocol.FreeForAll
	}
	r.createdAtMs = in.varint()
	r.lastActivityMs = r.createdAtMs + in.varint()
	r.savedActivityMs = r.lastActivityMs
	r.emptySinceMs = in.varint()
	if version >= 2 {
		in.meters(r)
	}
	r.creator = in.uint64()
	r.name = in.text()
	if flags&flagPlayback != 0 {
		r.playback = in.playback(flags)
	}
	host, seats := in.uvarint(), in.uvarint()
	for range seats {
		seat := in.seat(r.createdAtMs)
		if in.bad {
			break
		}
		r.lastSerial++
		seat.serial = r.lastSerial
		if seat.hold != nil {
			r.heldBytes += seat.hold.bytes
		}
		r.seats = append(r.seats, seat)
	}
	if in.bad || len(in.b) != 0 || r.createdAtMs == 0 || len(r.seats) > 0 && host >= uint64(len(r.seats)) {
		return nil, ErrSnapshot
	}
	if len(r.seats) > 0 {
		r.host = r.seats[host]
	}
	return r, nil
}

// restored gives every seat its whole grace from now on, because the server's restart is when its
// connection dropped. After a crash what was held is dropped, and what is sent from now on is held.
func (s *step) restored() {
	for _, seat := range s.seats {
		seat.heldUntilMs = s.nowMs + s.config.SeatGraceMs
		if !s.event.HoldsComplete {
			s.release(seat)
			seat.hold = &hold{lost: true}
		}
		s.saveLater() // or a clean stop would make it look as if nothing had been lost
	}
	s.sweep()
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
	s := &seat{modern: flags&flagModern != 0, offers: flags&flagOffers != 0, id: in.text(), name: in.text()}
	copy(s.token[:], in.take(protocol.TokenBytes))
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
