package room

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"usher/protocol"
)

func FuzzRestore(f *testing.F) {
	w, _ := run([]byte{0, 0, 0, 0, 5, 0, 1, 0, 0, 0, 0, 0, 5, 0, 2, 1, 5, 0, 13, 1, 2, 1, 2, 0, 5, 0, 10, 1})
	f.Add(w.room.AppendSnapshot(nil))
	config := DefaultConfig()
	f.Fuzz(func(t *testing.T, snapshot []byte) {
		if r, err := Restore(&config, "room-1", snapshot); err == nil {
			r.Step(1_000_000, Event{Kind: Restored}, nil)
		}
	})
}

var writeSnapshot = flag.Bool("write-snapshot", false, "write testdata/snapshot-vN.bin for the current version, once, when it is released")

// TestEverySnapshotVersionRestores holds on to a snapshot of each version
// that was ever released: rooms on disk outlive programs.
func TestEverySnapshotVersionRestores(t *testing.T) {
	path := fmt.Sprintf("testdata/snapshot-v%d.bin", snapshotVersion)
	if *writeSnapshot {
		w, _ := run([]byte{0, 0, 0, 0, 5, 0, 1, 0, 0, 0, 0, 0, 5, 0, 2, 1, 5, 1, 12, 0, 5, 1, 13, 0, 5, 1, 16, 0, 2, 0, 2, 0, 5, 1, 10, 0})
		if err := os.WriteFile(path, w.room.AppendSnapshot(nil), 0o644); err != nil {
			t.Fatal(err)
		}
	}
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
		effects := r.Step(2_000_000, Event{Kind: Restored, HoldsComplete: true}, nil)
		state := r.State()
		if len(state.Users) != 2 || state.HostID != "u0" || state.ControlMode != protocol.FreeForAll || state.HostVideoState == nil ||
			state.HostVideoState.CurrentTime != 12.5 || state.HostCurrentURL != "https://example.org/2" || r.heldBytes == 0 || r.Creator() != 0 {
			t.Errorf("version %d restores to %+v", version, state)
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
	whole[0] = snapshotVersion + 1
	if _, err := Restore(&config, "room-1", whole); err != ErrSnapshot {
		t.Error("a snapshot of a later version restores")
	}
}
