package rooms

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"runtime"
	"sync"

	"usher/room"
)

const (
	// maxHashesPerAddress is more than a full room behind one address needs at once.
	maxHashesPerAddress = 64
	// maxHashes bounds the requests that are kept meanwhile.
	maxHashes = 512
)

// workers hash on a part of the processors, so that relays go on however many guess passcodes. A
// hash takes some 30 ms. Addresses take turns, so that nobody waits for another's hundreds.
type workers struct {
	most int // at work at the same time

	mu   sync.Mutex
	busy int
	// waiting counts what queues has, by address. turns has the addresses in the order of their
	// turns.
	waiting int
	queues  map[uint64][]hashing
	turns   []uint64
}

type hashing struct {
	passcode   string
	salt       [room.SaltBytes]byte
	iterations int
	done       func(digest [room.DigestBytes]byte, ok bool)
}

// NewHasher returns a Hasher that uses half of the processors, and at least one.
func NewHasher() Hasher {
	return &workers{most: max(1, runtime.GOMAXPROCS(0)/2), queues: map[uint64][]hashing{}}
}

// Hash implements Hasher.
func (w *workers) Hash(address uint64, passcode string, salt [room.SaltBytes]byte, iterations int, done func(digest [room.DigestBytes]byte, ok bool)) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	queue := w.queues[address]
	if len(queue) >= maxHashesPerAddress || w.waiting >= maxHashes && !w.dropLast(len(queue)+1) {
		return false
	}
	if len(queue) == 0 {
		w.turns = append(w.turns, address)
	}
	w.queues[address] = append(queue, hashing{passcode, salt, iterations, done})
	w.waiting++
	if w.busy < w.most {
		w.busy++
		go w.work()
	}
	return true
}

// dropLast drops the last hash of the address that has the most waiting, if these are more than so
// many.
func (w *workers) dropLast(than int) bool {
	var longest uint64
	for address, queue := range w.queues {
		if len(queue) > len(w.queues[longest]) {
			longest = address
		}
	}
	last := len(w.queues[longest]) - 1
	if last+1 <= than {
		return false
	}
	go w.queues[longest][last].done([room.DigestBytes]byte{}, false)
	w.queues[longest] = w.queues[longest][:last]
	w.waiting--
	return true
}

func (w *workers) work() {
	for {
		h, ok := w.next()
		if !ok {
			return
		}
		h.done(Digest(h.passcode, h.salt, h.iterations), true)
	}
}

// next takes the hash whose turn it is. If there is none, the worker is no longer busy.
func (w *workers) next() (h hashing, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.turns) == 0 {
		w.busy--
		return h, false
	}
	address := w.turns[0]
	w.turns = w.turns[1:]
	queue := w.queues[address]
	w.waiting--
	if len(queue) == 1 {
		delete(w.queues, address)
	} else {
		w.queues[address] = queue[1:]
		w.turns = append(w.turns, address)
	}
	return queue[0], true
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
