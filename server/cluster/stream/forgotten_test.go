package stream

import (
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"usher/server/cluster/lease"
	"usher/server/servertest"
	"usher/server/store"
)

// After a write that fails nothing is known of the room. It may go on all the same, without a Load
// if that write had nothing to say; and what its record has to say is kept.
func TestAWriteThatFailsLosesNoMessages(t *testing.T) {
	for _, snapshot := range []string{"3", ""} {
		t.Run("then "+snapshot, func(t *testing.T) {
			var w writes
			w.isCut.Store(true)
			var refuses atomic.Bool
			s := opened(t, newFaulty(single(t).Conn(), func(m *nats.Msg) fate {
				if isRoom(m) && refuses.Swap(false) {
					return fate{reply: failure(400, 10054, "message size exceeds maximum allowed")}
				}
				return w.fate(m)
			}), sending(owner(1, 0)), quick())
			saveWith(t, s, "room-1", "1", "a", "b")
			refuses.Store(true)
			if err := save(t, s, "room-1", "2"); err == nil {
				t.Fatal("nothing has failed")
			}
			saveWith(t, s, "room-1", snapshot, "c")
			w.isCut.Store(false)
			wantQueue(t, s, "room-1", "a", "b", "c")
			want(t, s, "room-1", snapshot)
			servertest.Eventually(t, "nothing waits", func() bool {
				stats := s.Stats()
				return stats.QueuedBytes == 0 && stats.OutboxBytes == 0
			})
			if s.Dropped() != 0 {
				t.Errorf("%d are dropped", s.Dropped())
			}
		})
	}
}

// A write may be stored when its room has another owner already. Nothing of the room stays in
// memory then, least of all its outbox, which counts among those of all rooms.
func TestAWriteThatIsStoredAfterItsTermIsForgotten(t *testing.T) {
	var s *Stream
	var over atomic.Bool
	shard, term := lease.ShardOf("room-1"), Term{Number: 1, Incarnation: "a"}
	c := sending(func(int) (Term, bool) { return term, !over.Load() })
	s = opened(t, newFaulty(single(t).Conn(), func(m *nats.Msg) (at fate) {
		if isRoom(m) {
			at.rewrite = func(*nats.Msg) {
				over.Store(true)
				s.Release(shard, term)
			}
		}
		return at
	}), c, patient())
	if err := wait(t, func(done func(error)) {
		s.SaveWith("room-1", store.Record{Snapshot: []byte("1")}, messages("a"), done)
	}); err != nil {
		t.Fatal(err)
	}
	servertest.Eventually(t, "nothing is known of the room", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.rooms) == 0 && s.shards[shard] == nil && s.moves.bytes == 0 && s.moves.moving == 0
	})
}
