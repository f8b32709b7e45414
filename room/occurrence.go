package room

import "usher/protocol"

// OccurrenceKind is what has happened in a room.
type OccurrenceKind uint8

// The kinds. Each names the fields of Occurrence that it sets in addition to AtMs and People.
const (
	// RoomCreated: Name, Mode, and who created it.
	RoomCreated OccurrenceKind = iota + 1
	// RoomEnded: Reason, and who closed it.
	RoomEnded
	// RoomEmptied: the last seat has ended, and the room stays until UntilMs.
	RoomEmptied
	// RoomRenamed: Name, and who did it.
	RoomRenamed
	// DoorChanged: Door, and who did it.
	DoorChanged
	// ModeChanged: Mode, and who did it.
	ModeChanged
	// HostChanged: UserID is host instead of PreviousID. Reason, and who did it.
	HostChanged
	// UserJoined: UserID has a new seat. Name, Role.
	UserJoined
	// UserLeft: the seat has ended. UserID, Name, Reason.
	UserLeft
	// UserDisconnected: the seat has no connection and is held. UserID, Reason, Code.
	UserDisconnected
	// UserReconnected: the seat has a connection again, or another one. UserID, Reason.
	UserReconnected
	// UserRenamed: UserID, Name.
	UserRenamed
	// RoleChanged: UserID, Role, PreviousRole, and who did it.
	RoleChanged
	// UserKicked and UserBanned: UserID, Name, and who did it. UserLeft follows.
	UserKicked
	UserBanned
	// UserUnbanned: UserID, and who did it.
	UserUnbanned
	// UserKnocked: UserID, Name.
	UserKnocked
	// UserAdmitted and UserDenied: UserID, Name, and who did it.
	UserAdmitted
	UserDenied
	// KnockEnded: nobody has answered the knock of UserID. Name, Reason.
	KnockEnded

	occurrenceKinds
)

var occurrenceNames = [occurrenceKinds]string{
	RoomCreated: "room.created", RoomEnded: "room.ended", RoomEmptied: "room.emptied", RoomRenamed: "room.renamed",
	DoorChanged: "room.door_changed", ModeChanged: "room.mode_changed", HostChanged: "room.host_changed",
	UserJoined: "user.joined", UserLeft: "user.left", UserDisconnected: "user.disconnected",
	UserReconnected: "user.reconnected", UserRenamed: "user.renamed", RoleChanged: "user.role_changed",
	UserKicked: "user.kicked", UserBanned: "user.banned", UserUnbanned: "user.unbanned",
	UserKnocked: "user.knocked", UserAdmitted: "user.admitted", UserDenied: "user.denied", KnockEnded: "user.knock_ended",
}

// String returns the name that operators see, such as "user.joined".
func (k OccurrenceKind) String() string { return occurrenceNames[k] }

// OccurrenceKinds returns all kinds.
func OccurrenceKinds() (all []OccurrenceKind) {
	for k := RoomCreated; k < occurrenceKinds; k++ {
		all = append(all, k)
	}
	return all
}

// Reason is why something has happened. It is stable.
type Reason string

// The reasons.
const (
	// ReasonEmpty and ReasonIdle: a room has ended, because nobody has a seat, or because nothing
	// has happened in it for too long.
	ReasonEmpty Reason = "empty"
	ReasonIdle  Reason = "idle"
	// ReasonLeft: by LEAVE_ROOM or by closing the socket with 1000.
	ReasonLeft Reason = "left"
	// ReasonExpired: the grace of a seat is over, or the time of a knock.
	ReasonExpired Reason = "expired"
	ReasonKicked  Reason = "kicked"
	ReasonBanned  Reason = "banned"
	// ReasonRoomEnded: the seat ended with the room, or with everybody else's if the room stays.
	ReasonRoomEnded Reason = "room_ended"
	// ReasonLost: a socket ended, from the client's side or by the network.
	ReasonLost Reason = "lost"
	// ReasonSilent, ReasonTokenExpired, ReasonRateLimited and ReasonClosed: the room closed it.
	ReasonSilent       Reason = "silent"
	ReasonTokenExpired Reason = "token_expired"
	ReasonRateLimited  Reason = "rate_limited"
	// ReasonClosed is also that of a room that the operator closed.
	ReasonClosed Reason = "closed"
	// ReasonReplaced: a newer connection took the place of one that was still open.
	ReasonReplaced Reason = "replaced"
	// ReasonResumed and ReasonRejoined: a seat that was held was taken again, with its token or
	// without one.
	ReasonResumed  Reason = "resumed"
	ReasonRejoined Reason = "rejoined"
	// ReasonTransferred: the host has passed the role on. ReasonSucceeded: the host has left.
	// ReasonReclaimed: the room's owner has come. ReasonGranted: the operator's token says so.
	ReasonTransferred Reason = "transferred"
	ReasonSucceeded   Reason = "succeeded"
	ReasonReclaimed   Reason = "reclaimed"
	ReasonGranted     Reason = "granted"
	// ReasonWithdrawn: whoever knocked has gone, or may no longer knock.
	ReasonWithdrawn Reason = "withdrawn"
)

// Occurrence is something that has happened in a room, for its operator. A kind sets only some of
// the fields.
type Occurrence struct {
	Kind OccurrenceKind
	// Role and PreviousRole are those of UserID.
	Role, PreviousRole protocol.Role
	Mode               protocol.ControlMode
	Reason             Reason
	AtMs               int64
	// UntilMs is when the room ends if nobody comes.
	UntilMs int64
	// People is how many seats are taken now.
	People int
	// UserID is whom it is about, and PreviousID the former host.
	UserID, PreviousID string
	// Name is the user's, or the room's if it is not about a user.
	Name string
	// ActorID is the user who did it, with that role, "" if nobody did. ByOperator: it was the
	// operator, and ActorID is what the shell calls whoever acted.
	ActorID    string
	ActorRole  protocol.Role
	ByOperator bool
	// Code is with what the connection was closed.
	Code protocol.CloseCode
	Door protocol.Door
}

// report tells the shell what has happened, if it wants to know.
func (s *step) report(o Occurrence) {
	if !s.config.Report {
		return
	}
	o.AtMs, o.People = s.nowMs, len(s.seats)
	if s.act != nil {
		o.ByOperator, o.ActorID = true, s.act.Actor
	}
	reported := o
	s.effects = append(s.effects, Effect{Kind: Report, Occurrence: &reported})
}

// reportBy is report for what the participant who asked does, or the operator if that is nil. It is
// called while the participant has the role that allows it.
func (s *step) reportBy(asked *conn, o Occurrence) {
	if asked != nil {
		o.ActorID, o.ActorRole = asked.seat.id, s.role(asked.seat)
	}
	s.report(o)
}

// reportSeat is report for what happens to a seat.
func (s *step) reportSeat(kind OccurrenceKind, seat *seat, reason Reason) {
	s.report(Occurrence{Kind: kind, UserID: seat.id, Name: seat.name, Role: s.role(seat), Reason: reason})
}

// reportKnock is report for how a knock has ended. asked is who has answered it.
func (s *step) reportKnock(k *knock, outcome protocol.KnockOutcome, asked *conn) {
	o := Occurrence{Kind: KnockEnded, UserID: k.userID, Name: k.name, Reason: ReasonWithdrawn}
	switch outcome {
	case protocol.KnockAdmitted:
		o.Kind, o.Reason = UserAdmitted, ""
	case protocol.KnockDenied:
		o.Kind, o.Reason = UserDenied, ""
	case protocol.KnockExpired:
		o.Reason = ReasonExpired
	}
	s.reportBy(asked, o)
}

// reasonOfReturn returns how a seat is taken again, before it is.
func reasonOfReturn(seat *seat, resumed bool) Reason {
	switch {
	case seat.conn != nil:
		return ReasonReplaced
	case resumed:
		return ReasonResumed
	}
	return ReasonRejoined
}

// reasonOf returns why the room closed a connection.
func reasonOf(code protocol.CloseCode) Reason {
	switch code {
	case protocol.CloseIdle:
		return ReasonSilent
	case protocol.CloseTokenExpired:
		return ReasonTokenExpired
	case protocol.CloseRateLimited:
		return ReasonRateLimited
	}
	return ReasonClosed
}
