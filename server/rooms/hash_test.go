package rooms

import (
	"encoding/hex"
	"sync"
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

// TestTooManyHashesAreRefused, at once: nobody's hash waits for those of many others.
func TestTooManyHashesAreRefused(t *testing.T) {
	w := NewHasher().(*workers)
	most := maxHashesPerWorker * cap(w.free)
	for range cap(w.free) {
		w.free <- struct{}{} // all are busy
	}
	var done sync.WaitGroup
	done.Add(most)
	for range most {
		if !w.Hash("sesame", [room.SaltBytes]byte{}, 1, func([room.DigestBytes]byte) { done.Done() }) {
			t.Fatal("a hash is refused although there is place")
		}
	}
	if w.Hash("sesame", [room.SaltBytes]byte{}, 1, func([room.DigestBytes]byte) { t.Error("it is hashed") }) {
		t.Error("one too many is taken")
	}
	for range cap(w.free) {
		<-w.free
	}
	done.Wait()
	if !w.Hash("sesame", [room.SaltBytes]byte{}, 1, func([room.DigestBytes]byte) {}) {
		t.Error("there is no place when all are done")
	}
}
