package rooms

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"runtime"
	"sync/atomic"

	"usher/room"
)

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
