package room

import "usher/protocol"

// A room that was made with keepMs stays that long after its last seat has ended, with its name,
// mode, bans and the film's position. Whoever enters it first is host. Its creator has the owner
// token: whoever presents that is host again.

// stay is what a room that stays has.
type stay struct {
	// ms is how long the room stays when it is empty.
	ms         int64
	ownerToken tokenHash
}

// keeps makes a new room one that stays, if that is asked for.
func (s *step) keeps(keepMs int64, owner *secret) (ownerToken string) {
	keepMs = min(keepMs, s.config.MaxKeepMs)
	if keepMs == 0 {
		return ""
	}
	if *owner == (secret{}) {
		panic("room: a room that stays without an OwnerSecret")
	}
	s.stay = &stay{keepMs, hashOf(owner)}
	return encodeToken(owner)
}

// kept is how long the room stays when it is empty, because somebody has asked for it. The bound
// may be lower than when the room was made.
func (r *Room) kept() int64 {
	if r.stay == nil {
		return 0
	}
	return min(r.stay.ms, r.config.MaxKeepMs)
}

// isOwner reports whether a token is the owner's. A room that does not stay has no owner.
func (r *Room) isOwner(presented *tokenHash) bool {
	return r.stay != nil && presented.is(&r.stay.ownerToken)
}

// emptyMs is how long the room outlives its last seat.
func (r *Room) emptyMs() int64 { return max(r.kept(), r.config.EmptyRoomMs) }

// deadlineMs returns when the room ends if nothing more happens to it, or, if it is one that stays,
// when its seats do.
func (r *Room) deadlineMs() int64 {
	idleMs := r.lastActivityMs + r.config.RoomIdleMs
	switch {
	case !r.Exists():
		return 0
	case len(r.seats) > 0:
		return idleMs
	case r.kept() > 0, r.awaitedUntilMs > 0:
		return r.emptyUntilMs()
	}
	return min(idleMs, r.emptyUntilMs())
}

// ExpiresAtMs returns when the room ends if nothing more happens to it, even while nobody steps
// it. It is 0 for a room that does not exist.
func (r *Room) ExpiresAtMs() int64 {
	at := r.deadlineMs()
	if at != 0 && len(r.seats) > 0 {
		at += r.kept()
	}
	return at
}

// Sleeps reports whether the room exists, and nothing happens to it before its end unless somebody
// connects. A shell may drop it from memory, and then has to step it at ExpiresAtMs.
func (r *Room) Sleeps() bool {
	return r.Exists() && len(r.seats) == 0 && len(r.conns) == 0 && r.nextMs() == r.deadlineMs()
}

// emptied keeps where the film is when the last seat has ended: it plays for nobody.
func (s *step) emptied() {
	s.emptySinceMs = s.nowMs
	if p := s.playback; p != nil {
		for _, video := range []*protocol.VideoState{&p.video, &p.host} {
			advance(video, s.nowMs)
			video.IsPlaying = false
		}
	}
}

// clear ends the seats of a room that stays. Everybody in it has forgotten it.
func (s *step) clear() {
	for len(s.seats) > 0 {
		seat := s.seats[len(s.seats)-1]
		conns := s.connsOf(seat)
		s.removeSeat(seat, ReasonRoomEnded)
		for _, c := range conns {
			s.close(c, protocol.CloseRoomEnded)
		}
	}
}

// reclaims reports whether the join makes its seat, which may be nil for a new one, host.
func (r *Room) reclaims(j *join, seat *seat) bool { return j.owner && (seat == nil || seat != r.host) }

// reclaim makes the owner's seat host, as settle does for whom the operator has made host. A ban of
// the owner's user id is lifted.
func (s *step) reclaim(j *join, seat *seat) {
	if j.owner && s.lift(seat.id) {
		s.report(Occurrence{Kind: UserUnbanned, UserID: seat.id})
	}
	if !s.reclaims(j, seat) {
		return
	}
	former := s.host
	s.makeHost(seat)
	former.role = former.granted.role()
	s.save()
}

// appendKeep appends what a snapshot has only if the room stays.
func (r *Room) appendKeep(dst []byte) []byte {
	return append(appendUvarint(dst, uint64(r.stay.ms)), r.stay.ownerToken[:]...)
}

func (in *reader) keep(r *Room) {
	keepMs := in.uvarint()
	r.stay = &stay{ms: int64(keepMs)}
	copy(r.stay.ownerToken[:], in.take(uint64(len(r.stay.ownerToken))))
	in.bad = in.bad || keepMs == 0 || keepMs > protocol.MaxKeepMs
}
