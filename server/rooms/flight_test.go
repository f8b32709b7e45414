package rooms

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"usher/flight"
	"usher/protocol"
)

// record turns the flight recorder of a world on, and returns what is dumped.
func (w *world) record(maxBytes int64) *[][]byte {
	dumps := new([][]byte)
	w.config.Flights = flight.NewBudget(maxBytes, [32]byte{1})
	w.config.GivenUp = func(dump []byte) { *dumps = append(*dumps, dump) }
	return dumps
}

func replayed(t *testing.T, dump []byte) []flight.Replayed {
	t.Helper()
	recording, err := flight.Read(bytes.NewReader(dump))
	if err != nil {
		t.Fatal(err)
	}
	list, err := flight.Replay(recording)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestRoomThatIsGivenUpIsDumped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		dumps := w.record(1 << 20)
		v := w.create("room-1")
		v.say("RENAME_ROOM", `,"newRoomName":"Secret name"`)
		w.breakRoom(v)
		if len(*dumps) != 1 {
			t.Fatalf("%d dumps", len(*dumps))
		}
		list := replayed(t, (*dumps)[0])
		// connected, CREATE_ROOM, RENAME_ROOM, Seen
		if i := flight.Difference(list); i >= 0 || len(list) != 4 {
			t.Errorf("event %d of %d differs", i, len(list))
		}
		if strings.Contains(string((*dumps)[0]), "Secret") || !strings.Contains(string((*dumps)[0]), "a defect") {
			t.Errorf("dump: %s", (*dumps)[0])
		}
		if used := w.config.Flights.Used(); used != 0 {
			t.Errorf("%d bytes are still counted", used)
		}
	})
}

func TestPanicOfTheCoreIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		dumps := w.record(1 << 20)
		w.config.Secret = func() (none [protocol.TokenBytes]byte) { return none }
		v := w.open("room-1")
		v.say("CREATE_ROOM", `,"userName":"Ann","keepMs":900000`) // without an OwnerSecret
		if len(*dumps) != 1 {
			t.Fatalf("%d dumps", len(*dumps))
		}
		list := replayed(t, (*dumps)[0])
		last := list[len(list)-1]
		if !last.Panicked || !last.PanicsNow || last.Differs || !strings.Contains(last.Panic, "OwnerSecret") {
			t.Errorf("%+v", last)
		}
	})
}

func TestOperatorDumpsARoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.record(1 << 20)
		w.create("room-1")
		dump, refusal := w.Dump(t.Context(), "room-1")
		if refusal != "" || flight.Difference(replayed(t, dump)) >= 0 {
			t.Errorf("%s %s", refusal, dump)
		}
		if _, refusal := w.Dump(t.Context(), "room-2"); refusal != protocol.CodeRoomNotFound {
			t.Errorf("%q for a room that does not exist", refusal)
		}
	})
}

// The recorder takes no more than it may, gives back what it has, and is off without a budget.
func TestRecorderIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.record(20 << 10)
		v := w.create("room-1")
		for range 150 {
			v.say("RENAME_USER", `,"newUserName":"Ann"`)
			if used := w.config.Flights.Used(); used > 20<<10 {
				t.Fatalf("%d bytes are used", used)
			}
		}
		v.say("LEAVE_ROOM", "")
		if used, rings := w.config.Flights.Used(), w.config.Flights.Rings(); used != 0 || rings != 0 {
			t.Errorf("%d bytes of %d rooms are still counted", used, rings)
		}
		w.config.Flights = nil
		w.create("room-2")
		if dump, refusal := w.Dump(t.Context(), "room-2"); refusal != "" || dump != nil {
			t.Errorf("%s %s", refusal, dump)
		}
	})
}

// Nobody needs to send anything for that: some clients are silent for an hour.
func TestRecordingOfAQuietRoomIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.record(1 << 20)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go w.Run(ctx)
		v := w.create("room-1")
		w.create("room-2").say("LEAVE_ROOM", "")
		for range 2 {
			time.Sleep(15 * time.Second)
			v.say("RENAME_ROOM", `,"newRoomName":"Film"`)
			if n := w.config.Flights.Rings(); n != 1 {
				t.Fatalf("%d of one busy room are recorded", n)
			}
		}
		time.Sleep(30 * time.Second)
		if n, used := w.config.Flights.Rings(), w.config.Flights.Used(); n != 0 || used != 0 {
			t.Errorf("%d bytes of %d quiet rooms are kept", used, n)
		}
		v.say("RENAME_ROOM", `,"newRoomName":"Film again"`)
		if n := w.config.Flights.Rings(); n != 1 {
			t.Errorf("%d rooms are recorded after a quiet time", n)
		}
	})
}
