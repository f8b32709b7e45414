package room

import (
	"fmt"
	"testing"
)

// fullRoom is a room of legacy clients, and its clock.
type fullRoom struct {
	*Room
	nowMs int64
	conns []ConnID
	last  ConnID
}

func (f *fullRoom) step(event Event) { f.Step(f.nowMs, event, nil) }

// pass lets time pass, with a sign of life from everybody first.
func (f *fullRoom) pass(ms int64) {
	for _, conn := range f.conns {
		f.step(Event{Kind: Seen, Conn: conn})
	}
	for end := f.nowMs + ms; f.nowMs < end; {
		f.nowMs += 50
		if f.alarmIsDue(f.nowMs) {
			f.step(Event{Kind: AlarmFired})
		}
	}
}

func (f *fullRoom) enter(i int) {
	f.last++
	f.conns[i] = f.last
	f.step(Event{Kind: Connected, Conn: f.last, Address: 7})
	f.step(received(f.last, fmt.Sprintf(`{"type":"CREATE_ROOM","roomId":"full-room","userId":"user_%02d-1700000000000-abcdefghi","userName":"Happy Panda %02d"}`, i, i)))
}

func (f *fullRoom) drop(i int) {
	f.step(Event{Kind: Disconnected, Conn: f.conns[i], CloseCode: 1006})
}

// The default burst of a room holds five reconnects of everybody in a full room (Config,
// docs/design.md), all at once or one after the other.
func TestFiveReconnectsOfAFullRoomFitItsBurst(t *testing.T) {
	config := DefaultConfig()
	burst := int64(config.RoomOutputBurst)
	// The bucket does not fill, and takes more.
	config.RoomOutputPerSecond, config.RoomOutputBurst = 1, 1<<30
	for name, reconnect := range map[string]func(*fullRoom){
		"all at once": func(f *fullRoom) {
			for i := range f.conns {
				f.drop(i)
			}
			f.pass(1_000)
			for i := range f.conns {
				f.enter(i)
			}
			f.pass(20_000)
		},
		"one after the other": func(f *fullRoom) {
			for i := range f.conns {
				f.drop(i)
				f.pass(1_000)
				f.enter(i)
				f.pass(3_000)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fullRoom{Room: New(&config, "full-room"), nowMs: 1_700_000_000_000, conns: make([]ConnID, config.MaxPeople)}
			for i := range f.conns {
				f.enter(i)
				f.pass(3_000)
			}
			sent := func() int64 { return f.output.taken(f.nowMs, config.roomOutput()) / 1e9 }
			before := sent()
			for range 5 {
				reconnect(f)
			}
			total := sent() - before
			t.Logf("%d bytes, %d a person and reconnect", total, total/5/int64(config.MaxPeople))
			if total > burst {
				t.Errorf("%d bytes do not fit the burst of %d", total, burst)
			}
			for _, seat := range f.seats {
				if seat.conn == nil {
					t.Fatal("not everybody is back")
				}
			}
			if f.People() != config.MaxPeople {
				t.Errorf("%d people are seated", f.People())
			}
		})
	}
}
