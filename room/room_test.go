package room

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"usher/protocol"
)

// TestAnyEventsKeepTheInvariants: whatever happens, the numbered invariants hold, no effect is for
// a closed connection, snapshots restore to themselves, and the same events give the same effects,
// also if the room is dropped after every step and woken from what its shell kept, and if Relay has
// what it takes.
func TestAnyEventsKeepTheInvariants(t *testing.T) {
	relayed := 0
	rapid.Check(t, func(t *rapid.T) {
		// The length is drawn first: a slice's own is mostly a few bytes.
		length := 4 * rapid.IntRange(0, 400).Draw(t, "length")
		script := rapid.SliceOfN(rapid.Byte(), length, length).Draw(t, "script")
		first, fault := run(script)
		if fault != "" {
			t.Fatalf("%s\n%s", fault, first.log.String())
		}
		for _, prefix := range atDoors {
			if difference := atDoor(prefix, script); difference != "" {
				t.Fatal("at a door ", difference)
			}
		}
		second, _ := run(script)
		if first.log.String() != second.log.String() {
			t.Fatal("the same events give other effects the second time")
		}
		if difference := first.whenEvicted(script); difference != "" {
			t.Fatal("with an eviction after every step ", difference)
		}
		for _, hibernates := range []bool{true, false} {
			n, difference := withRelay(script, hibernates)
			if difference != "" {
				t.Fatalf("with Relay, hibernates %v: %s", hibernates, difference)
			}
			relayed += n
		}
	})
	if relayed == 0 {
		t.Error("Relay took no frame, so nothing is known of it")
	}
}

func FuzzStep(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 5, 0, 0, 0, 0, 1, 0, 0, 5, 0, 2, 1, 5, 0, 10, 1})
	f.Add([]byte{0, 0, 0, 0, 5, 0, 1, 0, 2, 0, 2, 0, 0, 0, 0, 0, 5, 0, 4, 0, 3, 0, 255, 1})
	f.Fuzz(func(t *testing.T, script []byte) {
		w, fault := run(script)
		if fault != "" {
			t.Fatalf("%s\n%s", fault, w.log.String())
		}
		if difference := w.whenEvicted(script); difference != "" {
			t.Fatal("with an eviction after every step ", difference)
		}
		for _, hibernates := range []bool{true, false} {
			if _, difference := withRelay(script, hibernates); difference != "" {
				t.Fatalf("with Relay, hibernates %v: %s", hibernates, difference)
			}
		}
		for _, prefix := range atDoors {
			if difference := atDoor(prefix, script); difference != "" {
				t.Fatal("at a door ", difference)
			}
		}
	})
}

// FuzzReceived gives the room raw frames, decoded as a shell does.
func FuzzReceived(f *testing.F) {
	for _, template := range templates {
		f.Add([]byte(strings.ReplaceAll(template, "%d", "1")))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		w, _ := run([]byte{0, 0, 0, 0, 5, 0, 1, 0, 0, 0, 0, 0, 5, 0, 2, 1})
		message, err := protocol.Decode(frame)
		if fault := w.step(Event{Kind: Received, Conn: w.last, Frame: frame, Message: &message, Err: err}); fault != "" {
			t.Fatal(fault)
		}
	})
}

func TestARelayDoesNotAllocate(t *testing.T) {
	t.Run("of strangers", func(t *testing.T) { relayDoesNotAllocate(t, seatedPair(t)) })
	t.Run("of accounts", func(t *testing.T) { relayDoesNotAllocate(t, knownPair(t)) })
}

func relayDoesNotAllocate(t *testing.T, w *world) {
	event := offerFromFirst()
	w.nowMs += maxPaceMs // the offers after the seating are over
	effects := w.room.Step(w.nowMs, event, make([]Effect, 0, 8))
	if n := testing.AllocsPerRun(1000, func() {
		effects = w.room.Step(w.nowMs, event, effects[:0])
		if len(effects) != 1 || effects[0].Kind != Forward || effects[0].Conn != 2 {
			t.Fatalf("effects are %+v", effects)
		}
	}); n != 0 {
		t.Errorf("Step allocates %v times for a relay", n)
	}
}

func TestAPingDoesNotAllocate(t *testing.T) {
	w := seatedPair(t)
	frame := []byte(`{"type":"PING","timestamp":1}`)
	message, err := protocol.Decode(frame)
	event := Event{Kind: Received, Conn: 2, Frame: frame, Message: &message, Err: err, Scratch: make([]byte, 64)}
	effects := make([]Effect, 0, 8)
	if n := testing.AllocsPerRun(1000, func() {
		effects = w.room.Step(w.nowMs, event, effects[:0])
		if len(effects) != 1 || effects[0].Kind != Send || !effects[0].Borrowed {
			t.Fatalf("effects are %+v", effects)
		}
	}); n != 0 {
		t.Errorf("Step allocates %v times for a PING", n)
	}
}

func BenchmarkRelay(b *testing.B) {
	b.Run("of strangers", func(b *testing.B) { benchmarkRelay(b, seatedPair(b)) })
	b.Run("of accounts", func(b *testing.B) { benchmarkRelay(b, knownPair(b)) })
}

// knownPair is seatedPair in a room that requires an identity, with tokens that expire, roles, a
// ban and tickets that were used.
func knownPair(t testing.TB) *world {
	w := seatedPair(t)
	w.config.IdentityRequired = true
	for i, c := range w.room.conns {
		c.hasAccount = true
		c.expires(w.nowMs+3_600_000, w.nowMs)
		c.seat.granted = grantOf(&Identity{HasRole: true, Role: protocol.Guest})
		w.room.passes = append(w.room.passes, pass{PassID{byte(i) + 1}, w.nowMs + 30_000})
	}
	w.room.bans = append(w.room.bans, ban{userID: "u9", address: 9, byAddress: true})
	return w
}

func benchmarkRelay(b *testing.B, w *world) {
	event := offerFromFirst()
	effects := make([]Effect, 0, 8)
	b.ReportAllocs()
	for b.Loop() {
		effects = w.room.Step(w.nowMs, event, effects[:0])
	}
}

func TestAClockThatIsSetBackThrowsNobodyOut(t *testing.T) {
	w := seatedPair(t)
	w.config = DefaultConfig()
	w.config.MessagesPerSecond, w.config.MessageBurst = 1, 40
	for range 30 {
		if fault := w.step(offerFromFirst()); fault != "" {
			t.Fatal(fault)
		}
	}
	w.nowMs -= 3600_000
	effects := w.room.Step(w.nowMs, offerFromFirst(), nil)
	if len(effects) != 1 || effects[0].Kind != Forward {
		t.Errorf("after the clock was set back, a relay gives %+v", effects)
	}
}
