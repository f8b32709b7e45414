package room

import (
	"bytes"
	standard "crypto/sha256"
	"math/rand/v2"
	"testing"
)

// TestSHA256 compares ours with the standard library's at each length of one block.
func TestSHA256(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	for n := range 56 {
		for range 100 {
			message := make([]byte, n)
			_, _ = random.Read(message)
			if got, want := sha256(message), standard.Sum256(message); got != want {
				t.Fatalf("of %x it is %x and not %x", message, got, want)
			}
		}
	}
}

// TestAStaleHashIsForgotten: what an older program has kept may be of seats that have ended, and
// that program writes the tokens of new seats as they are.
func TestAStaleHashIsForgotten(t *testing.T) {
	w := seatedPair(t)
	snapshot := w.room.AppendSnapshot(nil)
	hashes := w.room.seats[0].token
	w.room.seats[0].token = tokenHash{7} // has the alias 7, 0, 0 …, as the older program's token
	config := DefaultConfig()
	older := bytes.Replace(snapshot, alias(&hashes), alias(&w.room.seats[0].token), 1)
	r, err := Restore(&config, "room-1", older)
	if err != nil {
		t.Fatal(err)
	}
	if want := hashOf(&secret{7}); r.seats[0].token != want || r.seats[1].token != w.room.seats[1].token {
		t.Errorf("the hashes are %x and %x", r.seats[0].token, r.seats[1].token)
	}
	if bytes.Contains(r.AppendSnapshot(nil), hashes[:]) {
		t.Error("a stale hash is kept")
	}
}

func alias(h *tokenHash) []byte {
	a := h.alias()
	return a[:]
}

func BenchmarkHashOf(b *testing.B) {
	s := secret{1}
	for b.Loop() {
		s[0] = hashOf(&s)[0]
	}
}
