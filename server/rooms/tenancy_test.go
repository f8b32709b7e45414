package rooms

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"usher/protocol"
	"usher/room"
	"usher/server/metrics"
	"usher/server/store"
)

// occupied returns the tenures whose rooms have open sessions.
func (w *world) occupied() (found []Tenure) {
	w.Occupied(func(t Tenure) { found = append(found, t) })
	return found
}

func TestATenureIsOccupiedWhileSessionsAreOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tenure := ownedWorld(t, nil)
		is := func(when string, want bool) {
			t.Helper()
			if found := w.occupied(); (len(found) == 1 && found[0] == Tenure(tenure)) != want || !want && len(found) > 0 {
				t.Errorf("%s: %v", when, found)
			}
		}
		is("without rooms", false)
		ann := w.create("room-1")
		bob := w.open("room-2") // which does not exist
		is("with two sessions", true)
		bob.session.Disconnected(protocol.CloseNormal)
		is("with one", true)
		ann.session.Disconnected(protocol.CloseNormal)
		is("with a held seat only", false)
		ann = w.create("room-1")
		is("again", true)
		w.breakRoom(ann)
		is("given up", false)
		w.create("room-1")
		is("and loaded", true)
		w.owner.current.Store(nil)
		tenure.valid.Store(false)
		w.Lose(tenure)
		is("lost", false)
		if n := len(w.registry.tenancies); n > 0 {
			t.Errorf("%d tenancies are left", n)
		}
	})
}

// manyTenures owns each room in one of many tenures.
type manyTenures struct{ all [1024]*fakeTenure }

func (m *manyTenures) Tenure(roomID string) Tenure {
	sum := 0
	for _, c := range []byte(roomID) {
		sum = (sum*31 + int(c)) % len(m.all)
	}
	return m.all[sum]
}

// BenchmarkLose ends all tenures of a node with 20 000 rooms, one after the other.
func BenchmarkLose(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		owner := new(manyTenures)
		for i := range owner.all {
			owner.all[i] = &fakeTenure{valid: atomic.Bool{}}
			owner.all[i].valid.Store(true)
		}
		r, err := New(Config{
			Room: room.DefaultConfig(), MaxPendingBytes: 1 << 20, Store: &instantStore{records: make(map[string]store.Record)}, Clock: realClock{},
			Secret: func() (s [protocol.TokenBytes]byte) { return s }, Full: func() bool { return false },
			ReadArrived: func([]Socket) {}, Owner: owner, Metrics: metrics.New(), Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			b.Fatal(err)
		}
		for i := range 20_000 {
			if _, refusal := r.Open(context.Background(), fmt.Sprint("room-", i), Opening{}, new(listener)); refusal != "" {
				b.Fatal(refusal)
			}
		}
		b.StartTimer()
		for _, t := range owner.all {
			r.Lose(t)
		}
		b.StopTimer()
		if left := len(r.InMemory()); left > 0 {
			b.Fatal(left, "rooms are left")
		}
		b.StartTimer()
	}
}
