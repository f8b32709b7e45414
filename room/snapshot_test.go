package room

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"usher/protocol"
)

func FuzzRestore(f *testing.F) {
	w, _ := run([]byte{0, 0, 0, 0, 5, 0, 26, 0, 0, 0, 0, 0, 5, 0, 2, 1, 5, 0, 13, 1, 2, 1, 2, 0, 5, 0, 10, 1})
	f.Add(w.room.AppendSnapshot(nil))
	f.Add(handMade(f, "next"))
	f.Add(handMade(f, "next-critical"))
	config := DefaultConfig()
	f.Fuzz(func(t *testing.T, snapshot []byte) {
		r, err := Restore(&config, "room-1", snapshot)
		if err != nil {
			return
		}
		first := r.AppendSnapshot(nil)
		again, err := Restore(&config, "room-1", first)
		if err != nil || !bytes.Equal(again.AppendSnapshot(nil), first) {
			t.Fatalf("%x is written as %x, which is not read as it was written: %v", snapshot, first, err)
		}
		r.Step(1_000_000, Event{Kind: Restored}, nil)
	})
}

var writeSnapshot = flag.Bool("write-snapshot", false, "write testdata/snapshot-vN.bin for the current version, once, when it is released")

// TestEverySnapshotVersionRestores holds on to a snapshot of each version that was ever released:
// rooms on disk outlive programs.
func TestEverySnapshotVersionRestores(t *testing.T) {
	path := fmt.Sprintf("testdata/snapshot-v%d.bin", snapshotVersion)
	if *writeSnapshot {
		w, _ := run([]byte{0, 0, 0, 0, 5, 0, 26, 0, 0, 0, 128 + 4 + 16 + 32 + 1, 0, 5, 0, 2, 1, 5, 1, 12, 0, 5, 1, 13, 0, 5, 1, 16, 0, 3, 0, 1, 0, 5, 1, 21, 0,
			0, 1, 0, 0, 5, 0, 2, 2, 3, 0, 1, 0, 5, 2, 24, 0, 2, 1, 2, 0, 5, 2, 10, 0, 3, 0, 1, 0, 5, 2, doorTemplate(2), 0, 14, 0, 0, 0, 5, 2, doorTemplate(0), 0,
			0, 0, 0, 0, 3, 0, 1, 0, 5, 0, doorTemplate(6), 3, 14, 0, 0, 0})
		if err := os.WriteFile(path, w.room.AppendSnapshot(nil), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	owner := secretOf(1001)
	for version := 1; version <= snapshotVersion; version++ {
		snapshot, err := os.ReadFile(fmt.Sprintf("testdata/snapshot-v%d.bin", version))
		if err != nil {
			t.Fatal(err)
		}
		config := DefaultConfig()
		r, err := Restore(&config, "room-1", snapshot)
		if err != nil {
			t.Fatal(err)
		}
		if version >= 4 && (len(r.passes) != 1 || r.passes[0].id[0] != 1 || !r.seats[1].granted.views()) {
			t.Errorf("version %d: the used passes are %+v", version, r.passes)
		}
		effects := r.Step(2_000_000, Event{Kind: Restored, HoldsComplete: true}, nil)
		state := r.State()
		if len(state.Users) != 2 || state.HostID != "u0" || state.ControlMode != protocol.FreeForAll || state.HostVideoState == nil ||
			state.HostVideoState.CurrentTime != 12.5 || state.HostCurrentURL != "https://example.org/2" || r.heldBytes == 0 || r.Creator() != 0 {
			t.Errorf("version %d restores to %+v", version, state)
		}
		if version >= 3 && state.Users[1].Role != protocol.Cohost {
			t.Errorf("version %d: u1 has the role %s", version, state.Users[1].Role)
		}
		if version >= 4 && (len(r.knocks) != 1 || r.knocks[0].userID != "u3" || r.door.entry != protocol.EntryKnock || !r.door.listed || r.door.passcode == nil ||
			r.door.passcode.iterations != PasscodeIterations) {
			t.Errorf("version %d: the door is %+v, and the knocks are %+v", version, r.door, r.knocks)
		}
		if version >= 3 && (len(r.bans) != 1 || r.bans[0].userID != "u2" || r.bans[0].address != 1 || !r.bans[0].byAddress) {
			t.Errorf("version %d: the bans are %+v", version, r.bans)
		}
		if kept := r.stay != nil && r.stay.ms == 900_000 && r.stay.ownerToken == hashOf(&owner); kept != (version >= 4) {
			t.Errorf("version %d: it stays %d ms", version, r.kept())
		}
		if r.ID() != "room-1" || r.Unused() || len(effects) != 2 || effects[0].Kind != SaveLater || effects[1].AtMs != 2_000_000+config.SeatGraceMs {
			t.Errorf("version %d: effects are %+v", version, effects)
		}
	}
}

func TestRestoreRefusesWhatIsNoSnapshot(t *testing.T) {
	w := seatedPair(t)
	whole := w.room.AppendSnapshot(nil)
	config := DefaultConfig()
	for n := range whole {
		if _, err := Restore(&config, "room-1", whole[:n]); err != ErrSnapshot {
			t.Fatalf("%d of %d bytes restore: %v", n, len(whole), err)
		}
	}
	if _, err := Restore(&config, "room-1", append(whole, 0)); err != ErrSnapshot {
		t.Error("a snapshot with a byte too many restores")
	}
	for what, snapshot := range map[string][]byte{
		"a section twice":             append(append([]byte{snapshotVersion}, whole[1:len(whole)-1]...), whole[1:]...),
		"no section":                  {snapshotVersion, endOfSections},
		"a section with a byte spare": append([]byte{snapshotVersion, metersSection, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0}, whole[1:]...),
	} {
		if _, err := Restore(&config, "room-1", snapshot); err != ErrSnapshot {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// handMade is a snapshot from testdata that no program of this version writes: its bytes in
// hexadecimal, with comments.
func handMade(t testing.TB, name string) (snapshot []byte) {
	t.Helper()
	text, err := os.ReadFile("testdata/snapshot-" + name + ".hex")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		bytes, err := hex.DecodeString(strings.Join(strings.Fields(line), ""))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		snapshot = append(snapshot, bytes...)
	}
	if snapshot[0] != snapshotVersion+1 {
		t.Fatalf("snapshot-%s.hex has version %d, and the next one is %d", name, snapshot[0], snapshotVersion+1)
	}
	return snapshot
}

// TestASnapshotOfTheNextVersionRestores, so that a release can be rolled back, and what this
// version does not know is still present when the next one is back.
func TestASnapshotOfTheNextVersionRestores(t *testing.T) {
	config := DefaultConfig()
	r, err := Restore(&config, "room-1", handMade(t, "next"))
	if err != nil {
		t.Fatal(err)
	}
	r.Step(2_000_000, Event{Kind: Restored, HoldsComplete: true}, nil)
	if state := r.State(); state.Name != "Room" || len(state.Users) != 1 || state.HostID != "u0" || r.Creator() != 9 {
		t.Errorf("it restores to %+v", state)
	}
	snapshot := r.AppendSnapshot(nil)
	if unknown := []byte("\x20\x05\x00\x00\x00hello\x22\x00\x00\x00\x00"); snapshot[0] != snapshotVersion || !bytes.Contains(snapshot, unknown) {
		t.Errorf("it is written back as %x, which is without %x", snapshot, unknown)
	}
	if _, err := Wake(&config, "room-1", snapshot, 0, nil); err != nil {
		t.Error(err)
	}
}

func TestWhatIsTooNewIsRefused(t *testing.T) {
	config := DefaultConfig()
	afterNext := handMade(t, "next")
	afterNext[0]++
	for what, snapshot := range map[string][]byte{"a section that must not be ignored": handMade(t, "next-critical"), "the version after the next": afterNext} {
		if _, err := Restore(&config, "room-1", snapshot); err != ErrNewer {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := Wake(&config, "room-1", snapshot, 0, nil); err != ErrNewer {
			t.Errorf("%s, woken: %v", what, err)
		}
	}
}

// TestGracesBeginWhenTheConnectionsDropped, not when the room is loaded.
func TestGracesBeginWhenTheConnectionsDropped(t *testing.T) {
	for _, c := range []struct {
		what             string
		droppedMs, endMs int64 // before now, and from now on; an endMs of 0 is at once
	}{
		{"now", 0, 40_000}, {"a while ago", 15_000, 25_000}, {"before the grace", 40_000, 0}, {"by a clock that is ahead", -5_000, 40_000},
	} {
		w := seatedPair(t)
		w.config = DefaultConfig()
		r, err := Restore(&w.config, "room-1", w.room.AppendSnapshot(nil))
		if err != nil {
			t.Fatal(err)
		}
		event := Event{Kind: Restored, HoldsComplete: true}
		if c.droppedMs != 0 {
			event.AtMs = w.nowMs - c.droppedMs
		}
		effects := r.Step(w.nowMs, event, nil)
		last := effects[len(effects)-1]
		if ended := !r.Exists(); ended != (c.endMs == 0) || !ended && (last.Kind != SetAlarm || last.AtMs != w.nowMs+c.endMs) {
			t.Errorf("%s: the room has ended: %t, and the effects are %+v", c.what, ended, effects)
		}
	}
}

// In a cluster a room moves to another machine, whose clock may be behind by seconds.
func TestABehindClockDoesNotUseUpBudgets(t *testing.T) {
	config := DefaultConfig()
	const nowMs, joins = 1_700_000_000_000, 100 // a tenth of the burst
	for behindMs := range int64(60) {
		behindMs *= 1000
		r := New(&config, "budget-room")
		for i := ConnID(1); i <= joins; i++ {
			r.Step(nowMs, Event{Kind: Connected, Conn: i, Address: 7}, nil)
			r.Step(nowMs, received(i, `{"type":"CREATE_ROOM","roomId":"budget-room","userId":"ann","userName":"Ann"}`), nil)
			r.Step(nowMs, Event{Kind: Disconnected, Conn: i, CloseCode: 1006}, nil)
		}
		again, err := Restore(&config, "budget-room", r.AppendSnapshot(nil))
		if err != nil {
			t.Fatal(err)
		}
		at := nowMs - behindMs
		again.Step(at, Event{Kind: Restored, HoldsComplete: true}, nil)
		again.Step(at, Event{Kind: Connected, Conn: 1, Address: 7}, nil)
		for _, e := range again.Step(at, received(1, `{"type":"JOIN_ROOM","roomId":"budget-room","userId":"ann","userName":"Ann"}`), nil) {
			if e.Kind == Send && bytes.Contains(e.Frame, []byte(`"ERROR"`)) {
				t.Fatalf("%d ms behind: %s", behindMs, e.Frame)
			}
		}
	}
}
