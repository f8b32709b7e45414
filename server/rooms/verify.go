package rooms

import (
	"bytes"
	"context"
	"crypto/rand"
	"time"

	"usher/protocol"
	"usher/room"
)

// verifyTimeout bounds how long a token is looked at: its key may have to be fetched.
const verifyTimeout = 10 * time.Second

// verify carries out a Verify. It must not block, so a goroutine does the work.
func (l *liveRoom) verify(e *room.Effect, cause *room.Event) {
	event := room.Event{Kind: room.Verified, Conn: e.Conn, Verdict: &room.Verdict{Ref: e.Ref, Number: e.Number}}
	text := string(e.Frame)
	if e.Number == 0 {
		l.rooms.looking.Add(1)
		go func() {
			defer l.rooms.looking.Add(-1)
			l.rooms.decide(l.id, text, event.Verdict)
			l.step(event)
		}()
		return
	}
	s := l.sessionOf(e.Conn)
	if s == nil {
		return
	}
	event.Frame, event.Secret, event.OwnerSecret = bytes.Clone(cause.Frame), cause.Secret, cause.OwnerSecret
	event.RefuseSeat = cause.RefuseSeat
	l.rooms.looking.Add(1)
	go func() {
		defer l.rooms.looking.Add(-1)
		l.rooms.readInvite(l.id, text, event.Verdict)
		s.again(event)
	}()
}

// readInvite finds out what an invite says. The frame that it came in is handled again with that.
func (r *Rooms) readInvite(roomID, invite string, v *room.Verdict) {
	if r.config.ReadInvite == nil {
		v.Refusal, v.Details = protocol.CodeInvalidInvite, "this server makes no invites"
		return
	}
	v.Identity, v.Refusal, v.Details = r.config.ReadInvite(roomID, invite)
}

// decide finds out whom a token identifies.
func (r *Rooms) decide(roomID, token string, v *room.Verdict) {
	if r.config.Verify == nil {
		v.Refusal, v.Details = protocol.CodeInvalidToken, "this server has no accounts"
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), verifyTimeout)
	defer cancel()
	select {
	case r.verifying <- struct{}{}:
		defer func() { <-r.verifying }()
	default:
		v.Refusal = protocol.CodeAuthUnavailable
		return
	}
	v.Identity, v.Refusal, v.Details = r.config.Verify(ctx, roomID, token)
}

// hash has a passcode hashed. The frame that it came in is kept until then: with its hash it is
// handled again.
func (l *liveRoom) hash(e *room.Effect, event *room.Event) {
	s, request := l.sessionOf(e.Conn), e.Hash
	if s == nil {
		return
	}
	again := room.Event{Kind: room.Hashed, Frame: bytes.Clone(event.Frame), Secret: event.Secret, OwnerSecret: event.OwnerSecret}
	result := room.HashResult{Number: request.Number}
	again.Hash = &result
	if request.Salt != nil {
		result.Salt = *request.Salt
	} else {
		_, _ = rand.Read(result.Salt[:]) // never fails
	}
	l.rooms.looking.Add(1)
	if !l.rooms.config.Hasher.Hash(request.Address, string(request.Passcode), result.Salt, request.Iterations, func(digest [room.DigestBytes]byte, ok bool) {
		defer l.rooms.looking.Add(-1)
		result.Digest, result.Failed = digest, !ok
		s.again(again)
	}) {
		result.Failed = true
		go func() { // not now: the room is locked
			defer l.rooms.looking.Add(-1)
			s.again(again)
		}()
	}
}

// again steps the room with what was found out about a frame, and with the frame.
func (s *Session) again(event room.Event) {
	message, err := protocol.Decode(event.Frame)
	event.Message, event.Err = &message, err
	s.step(event, nil)
}
