package rooms

import (
	"encoding/hex"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"usher/room"
)

// TestDigestIsPBKDF2: the worker's WebCrypto gives the same, so that a room moves between shells.
func TestDigestIsPBKDF2(t *testing.T) {
	digest := Digest("open sesame", [room.SaltBytes]byte{1, 2, 3}, 1000)
	if got := hex.EncodeToString(digest[:]); got != "e31258270c3b9c95057cc7cceb3fd2eb6aaa6224099cf3374d95b36de3206009" {
		t.Errorf("the hash is %s", got)
	}
}

// busyWorkers are all at work, until go is called.
func busyWorkers() (w *workers, begin func()) {
	w = NewHasher().(*workers)
	w.busy = w.most
	return w, func() {
		for range w.most {
			go w.work()
		}
	}
}

// TestAddressesTakeTurns: whoever knows a passcode does not wait for those who guess by hundreds.
func TestAddressesTakeTurns(t *testing.T) {
	w, begin := busyWorkers()
	w.most = 1 // so that there is one order
	const guesses = 40
	order := make(chan uint64, guesses+2)
	hash := func(address uint64) bool {
		return w.Hash(address, "sesame", [room.SaltBytes]byte{}, 1, func([room.DigestBytes]byte, bool) { order <- address })
	}
	for range guesses {
		hash(1)
	}
	hash(2)
	hash(3)
	begin()
	var got []uint64
	for range 4 {
		got = append(got, <-order)
	}
	if want := []uint64{1, 2, 3, 1}; !slices.Equal(got, want) {
		t.Errorf("the turns are %d, want %d", got, want)
	}
}

// TestTooManyHashesAreRefused, at once, of one address.
func TestTooManyHashesAreRefused(t *testing.T) {
	w, begin := busyWorkers()
	var done sync.WaitGroup
	hash := func(address uint64) bool {
		return w.Hash(address, "sesame", [room.SaltBytes]byte{}, 1, func([room.DigestBytes]byte, bool) { done.Done() })
	}
	done.Add(maxHashesPerAddress + 1)
	for range maxHashesPerAddress {
		if !hash(1) {
			t.Fatal("a hash is refused although there is place")
		}
	}
	if hash(1) {
		t.Error("one too many is taken")
	}
	if !hash(2) {
		t.Error("another address finds no place")
	}
	begin()
	done.Wait()
	done.Add(1)
	if !hash(1) {
		t.Error("there is no place when all are done")
	}
	done.Wait()
}

// TestManyAddressesMakeRoomForOneMore: of all that wait, the last of the longest queue goes.
func TestManyAddressesMakeRoomForOneMore(t *testing.T) {
	w, begin := busyWorkers()
	var done sync.WaitGroup
	var dropped atomic.Int64
	hash := func(address uint64) bool {
		return w.Hash(address, "sesame", [room.SaltBytes]byte{}, 1, func(_ [room.DigestBytes]byte, ok bool) {
			if !ok {
				dropped.Add(1)
			}
			done.Done()
		})
	}
	done.Add(maxHashes + 1)
	for n := range maxHashes {
		if !hash(uint64(n % (maxHashes / 2))) {
			t.Fatal("a hash is refused although there is place")
		}
	}
	if hash(0) {
		t.Error("an address with as many as the others takes the place of one of them")
	}
	if !hash(maxHashes) {
		t.Error("an address that has none waiting finds no place")
	}
	begin()
	done.Wait()
	if n := dropped.Load(); n != 1 {
		t.Errorf("%d were dropped", n)
	}
}
