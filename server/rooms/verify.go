package rooms

import (
	"context"
	"time"

	"usher/protocol"
	"usher/room"
)

const (
	// verifyTimeout bounds how long a token is looked at: its key may have to be fetched.
	verifyTimeout = 10 * time.Second
	// maxVerifying bounds the tokens that are looked at at a time.
	maxVerifying = 256
)

// verify carries out a Verify. It must not block, so a goroutine does the work.
func (l *liveRoom) verify(e *room.Effect) {
	event := room.Event{Kind: room.Verified, Conn: e.Conn, Verdict: &room.Verdict{Ref: e.Ref}}
	token := string(e.Frame)
	go func() {
		l.rooms.decide(l.id, token, event.Verdict)
		l.step(event)
	}()
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
