package rooms

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"usher/room"
	"usher/server/store"
)

// sendOn makes a message of each occurrence.
func (w *world) sendOn() {
	w.config.Room.Report, w.config.Queue = true, w.store
	w.config.Messages = func(_ string, occurrences []*room.Occurrence) (messages []store.Message) {
		for _, o := range occurrences {
			messages = append(messages, store.Message{ID: o.Kind.String()})
		}
		return messages
	}
}

// wantSent fails unless exactly these messages have become durable since the last call.
func (w *world) wantSent(want ...string) {
	w.t.Helper()
	synctest.Wait()
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	if !slices.Equal(w.store.sent, want) {
		w.t.Errorf("stored are %q, want %q", w.store.sent, want)
	}
	w.store.sent = nil
}

// A message is stored with the change that it tells of, once, or not at all.
func TestMessagesAreStoredWithTheirChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.sendOn()
		v := w.create("room-1")
		w.wantSent("room-1 room.created", "room-1 user.joined")
		w.store.hold(true)
		v.say("RENAME_ROOM", `,"newRoomName":"Stored"`)
		v.say("LEAVE_ROOM", "")
		w.wantSent()
		w.store.commit(1, nil)
		w.wantSent("room-1 room.renamed")
		w.store.commit(1, errDisk)
		w.wantSent() // the room is given up, and she has not left
		w.store.hold(false)
		w.create("room-1").say("LEAVE_ROOM", "")
		w.wantSent("room-1 user.left", "room-1 room.ended")
	})
}

// The end of a room that expired while no process was there is told, too.
func TestRoomsThatExpiredMeanwhileEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.sendOn()
		w.create("room-1")
		w.wantSent("room-1 room.created", "room-1 user.joined")
		records := w.store.durable
		records["broken"] = store.Record{ExpiresAtMs: 1, Snapshot: []byte("?")}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(w.config.Room.RoomIdleMs) * time.Millisecond)

		again := &world{t: t, store: &manualStore{durable: records}, log: w.log}
		config := w.config
		config.Store, config.Queue = again.store, again.store
		var err error
		if again.Rooms, err = New(config); err != nil {
			t.Fatal(err)
		}
		if len(records) != 1 {
			t.Errorf("%d records are left", len(records))
		}
		again.wantSent()
		again.endUntouched(t.Context())
		again.wantSent("room-1 user.left", "room-1 room.ended")
	})
}
