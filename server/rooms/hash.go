package rooms

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"runtime"
	"sync/atomic"

	"usher/protocol"
	"usher/room"
)

// Hasher hashes passcodes away from the rooms.
type Hasher interface {
	// Hash returns at once, and later calls done with the PBKDF2-HMAC-SHA256 of a passcode. It
	// reports false, and calls nothing, if too many are under way.
	Hash(passcode string, salt [room.SaltBytes]byte, iterations int, done func([room.DigestBytes]byte)) bool
}

// maxHashesPerWorker bounds the wait: a hash takes some 30 ms.
const maxHashesPerWorker = 64

// workers hash on a part of the processors, so that relays go on however many guess passcodes.
type workers struct {
	free     chan struct{}
	underWay atomic.Int64
}

// NewHasher returns a Hasher that uses half of the processors, and at least one.
func NewHasher() Hasher {
	return &workers{free: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
}

// Hash implements Hasher.
func (w *workers) Hash(passcode string, salt [room.SaltBytes]byte, iterations int, done func([room.DigestBytes]byte)) bool {
	if w.underWay.Add(1) > int64(maxHashesPerWorker*cap(w.free)) {
		w.underWay.Add(-1)
		return false
	}
	go func() {
		w.free <- struct{}{}
		digest := Digest(passcode, salt, iterations)
		<-w.free
		w.underWay.Add(-1)
		done(digest)
	}()
	return true
}

// Digest is the hash itself.
func Digest(passcode string, salt [room.SaltBytes]byte, iterations int) (digest [room.DigestBytes]byte) {
	key, err := pbkdf2.Key(sha256.New, passcode, salt[:], iterations, len(digest))
	if err != nil {
		panic("rooms: PBKDF2: " + err.Error()) // its parameters are constants
	}
	copy(digest[:], key)
	return digest
}

// hash has a passcode hashed. The frame that it came in is kept until then: with its hash it is
// handled again.
func (l *liveRoom) hash(e *room.Effect, event *room.Event) {
	s, request := l.sessionOf(e.Conn), e.Hash
	if s == nil {
		return
	}
	frame, again := bytes.Clone(event.Frame), room.Event{Kind: room.Hashed, Secret: event.Secret, OwnerSecret: event.OwnerSecret}
	result := room.HashResult{Number: request.Number}
	again.Hash = &result
	if request.Salt != nil {
		result.Salt = *request.Salt
	} else {
		_, _ = rand.Read(result.Salt[:]) // never fails
	}
	if !l.rooms.config.Hasher.Hash(string(request.Passcode), result.Salt, request.Iterations, func(digest [room.DigestBytes]byte) {
		result.Digest = digest
		s.hashed(frame, again)
	}) {
		result.Failed = true
		go s.hashed(frame, again) // not now: the room is locked
	}
}

func (s *Session) hashed(frame []byte, event room.Event) {
	message, err := protocol.Decode(frame)
	event.Message, event.Err = &message, err
	s.step(event, nil)
}
