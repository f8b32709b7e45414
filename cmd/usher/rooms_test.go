package main

import (
	"slices"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"usher/protocol"
	"usher/room"
	"usher/server/store"
	"usher/server/store/bolt"
)

// keepRoom is the script command keep-room DIR ID NAME: it makes a room as a server would, and
// stores it in the folder. With "locked" for the ID it leaves the folder open until the script
// ends.
func keepRoom(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: keep-room DIR ID NAME")
	}
	kept, err := bolt.Open(ts.MkAbs(args[0]), bolt.Options{})
	ts.Check(err)
	if args[1] == "locked" {
		ts.Defer(func() { kept.Close() })
		return
	}
	snapshot := []byte("no snapshot")
	if args[2] != "broken" {
		snapshot = snapshotOf(ts.Fatalf, args[1], args[2])
	}
	saved := make(chan error, 1)
	kept.Save(args[1], store.Record{Snapshot: snapshot, ExpiresAtMs: 1_800_000_000_000}, func(err error) { saved <- err })
	ts.Check(<-saved)
	ts.Check(kept.Close())
}

// snapshotOf returns the snapshot of a room that Ada created on 2026-01-02.
func snapshotOf(fatalf func(string, ...any), id, name string) []byte {
	const nowMs = 1_767_355_200_000
	config := room.DefaultConfig()
	r := room.New(&config, id)
	r.Step(nowMs, room.Event{Kind: room.Connected, Conn: 1}, nil)
	frame := []byte(`{"type":"CREATE_ROOM","roomId":"` + id + `","userId":"ada","userName":"Ada","roomName":"` + name + `","timestamp":1}`)
	message, err := protocol.Decode(frame)
	event := room.Event{Kind: room.Received, Conn: 1, Frame: frame, Message: &message, Err: err, Secret: [protocol.TokenBytes]byte{1}}
	r.Step(nowMs, event, nil)
	if !r.Exists() {
		fatalf("the room %s was not made: %v", id, err)
	}
	return r.AppendSnapshot(nil)
}

func TestPrintableKeepsTextAndDropsControls(t *testing.T) {
	if got := printable("film \x1b[2J\u202enight ✓"); got != "film ?[2J?night ✓" {
		t.Errorf("printable gives %q", got)
	}
}

func TestEndsTellsThePastFromTheFuture(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	got := []string{ends(0, now), ends(1_000_000, now), ends(1_000_001, now)}
	if want := []string{"never", "at the next start", minute(1_000_001)}; !slices.Equal(got, want) {
		t.Errorf("ends gives %q, want %q", got, want)
	}
}
