package rooms

import (
	"context"
	"crypto/rand"

	"usher/protocol"
	"usher/room"
)

// Create creates a room ahead of its people, and returns what was made of it once that is stored.
// It is refused with ROOM_EXISTS if the room exists.
func (r *Rooms) Create(ctx context.Context, id string, a room.Arrangement) (made room.Creation, refusal protocol.Code) {
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	if r.config.Full() {
		return made, protocol.CodeServerFull
	}
	event := room.Event{Kind: room.Arranged, Arrangement: &a}
	if a.KeepMs > 0 {
		event.OwnerSecret = r.config.Secret()
	}
	if a.Door.Passcode != nil {
		if event.Hash = r.hashNew(ctx, a.Door.Passcode); event.Hash == nil {
			return made, protocol.CodeRoomBusy
		}
	}
	l, refusal := r.enter(ctx, id, nil)
	if refusal != "" {
		return made, refusal
	}
	defer l.leave()
	made, stored, refusal := l.create(event)
	if refusal != "" {
		return made, refusal
	}
	select {
	case ok := <-stored:
		if !ok {
			return made, protocol.CodeStorageUnavailable
		}
		return made, ""
	case <-ctx.Done():
		l.forgetAsk(stored)
		return made, protocol.CodeStorageUnavailable
	}
}

func (l *liveRoom) create(event room.Event) (made room.Creation, stored <-chan bool, refusal protocol.Code) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.gone:
		return made, nil, protocol.CodeStorageUnavailable
	case l.leaving:
		return made, nil, protocol.CodeRoomUnavailable
	}
	came := outcome{refusal: protocol.CodeStorageUnavailable} // if the step gives the room up
	l.outcome = &came
	l.stepLocked(event, nil)
	l.outcome = nil
	if came.refusal != "" {
		return made, nil, came.refusal
	}
	return came.creation, l.stored(), ""
}

// hashNew returns the hash of a passcode that no room has yet, nil if too many are under way.
func (r *Rooms) hashNew(ctx context.Context, passcode []byte) *room.HashResult {
	result := new(room.HashResult)
	_, _ = rand.Read(result.Salt[:]) // never fails
	hashed := make(chan bool, 1)
	if !r.config.Hasher.Hash(0, string(passcode), result.Salt, room.PasscodeIterations, func(digest [room.DigestBytes]byte, ok bool) {
		result.Digest = digest
		hashed <- ok
	}) {
		return nil
	}
	select {
	case ok := <-hashed:
		if !ok {
			return nil
		}
		return result
	case <-ctx.Done():
		return nil
	}
}
