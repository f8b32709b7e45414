package room_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"usher/flight"
	"usher/room"
)

// TestRecordingsReplayAlike records random runs, replaces all that is private and replays them.
func TestRecordingsReplayAlike(t *testing.T) {
	runs := 100
	if testing.Short() {
		runs = 30
	}
	checked := 0
	for seed := range uint64(runs) {
		script := make([]byte, 4*300)
		random := rand.New(rand.NewPCG(seed, 0))
		for i := range script {
			script[i] = byte(random.Uint32())
		}
		checked += replayAlike(t, seed, script, 1+int(seed)%250)
	}
	if checked < 10*runs {
		t.Errorf("%d events were replayed in %d runs", checked, runs)
	}
}

func replayAlike(t *testing.T, seed uint64, script []byte, dumpAt int) (events int) {
	budget := flight.NewBudget(1<<20, [32]byte{1})
	var ring *flight.Ring
	var dump []byte
	config := new(room.Config)
	steps := 0
	config, fault := room.RunWatched(script, func(r *room.Room, nowMs int64, event *room.Event) func([]room.Effect) {
		if steps++; steps == dumpAt { // the ring begins again in the middle
			ring.Free()
			ring = nil
		}
		ring = ring.Before(budget, r, nowMs, event)
		return func(effects []room.Effect) { ring.After(nowMs, event, effects) }
	})
	if fault != "" {
		t.Fatalf("seed %d: %s", seed, fault)
	}
	dump, err := ring.Dump(flight.Header{Version: "test", RoomID: "room-1"}, config)
	if err == flight.ErrEmpty {
		return 0
	}
	if err != nil {
		t.Fatalf("seed %d: %s", seed, err)
	}
	recording, err := flight.Read(bytes.NewReader(dump))
	if err != nil {
		t.Fatalf("seed %d: %s", seed, err)
	}
	list, err := flight.Replay(recording)
	if err != nil {
		t.Fatalf("seed %d: %s", seed, err)
	}
	if i := flight.Difference(list); i >= 0 {
		t.Fatalf("seed %d, event %d of %d: %+v\nwas %+v\nis %+v %s", seed, i, len(list), list[i].Message, list[i].Effects, list[i].Now, list[i].Panic)
	}
	return len(list)
}
