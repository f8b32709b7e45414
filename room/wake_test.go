package room

import (
	"encoding/binary"
	"testing"

	"usher/protocol"
)

// woken is the world's room after its shell has lost it, and the effects of Woken.
func (w *world) woken(t *testing.T, attachments ...Attachment) []Effect {
	t.Helper()
	var err error
	if w.room, err = Wake(&w.config, "room-1", w.snapshot, w.alarmMs, attachments); err != nil {
		t.Fatal(err)
	}
	effects := w.room.Step(w.nowMs, Event{Kind: Woken}, nil)
	if broken := w.room.Check(); broken != "" {
		t.Fatal(broken, " is broken after waking")
	}
	return effects
}

func (w *world) attachment(id ConnID) Attachment {
	return Attachment{id, w.attachments[id], secretOf(id)}
}

func kinds(effects []Effect) (kinds []EffectKind) {
	for _, e := range effects {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// TestSocketsThatVanishedUnreported: a program that ends takes all sockets with it and reports
// none. Every seat then has its whole grace ahead, and the frames held may not be all.
func TestSocketsThatVanishedUnreported(t *testing.T) {
	w := seatedPair(t)
	w.config = DefaultConfig()
	w.config.Hibernates = true
	for _, event := range []Event{{Kind: Disconnected, Conn: 2, CloseCode: 1006}, offerFromFirst()} {
		if fault := w.step(event); fault != "" { // the second is an offer to u1, which is held
			t.Fatal(fault)
		}
	}
	w.nowMs += w.config.SeatGraceMs - 1
	if got := kinds(w.woken(t)); len(got) != 1 || got[0] != SaveLater {
		t.Errorf("effects are %v", got)
	}
	state := w.room.State()
	if len(state.Users) != 2 || state.Users[0].IsConnected || state.Users[1].IsConnected || state.HostID != "u0" {
		t.Errorf("the room is %+v", state)
	}
	for _, seat := range w.room.seats {
		if seat.heldUntilMs != w.nowMs+w.config.SeatGraceMs || !seat.hold.spoilt() {
			t.Errorf("%s is held until %d, spoilt %t", seat.id, seat.heldUntilMs-w.nowMs, seat.hold.spoilt())
		}
	}
}

func TestWakingKeepsHeldSeatsAsTheyAre(t *testing.T) {
	w := seatedPair(t)
	if fault := w.step(Event{Kind: Disconnected, Conn: 2, CloseCode: 1006}); fault != "" {
		t.Fatal(fault)
	}
	until := w.room.seats[1].heldUntilMs
	w.nowMs += 5000
	if got := w.woken(t, w.attachment(1)); len(got) != 0 {
		t.Errorf("effects are %v", kinds(got))
	}
	if got := w.room.seats[1].heldUntilMs; got != until || w.room.seats[1].hold.spoilt() {
		t.Errorf("held until %d and not %d", got, until)
	}
}

// TestAPingThatThePlatformAnsweredProvesLife: a hibernating room is not stepped for PINGs.
func TestAPingThatThePlatformAnsweredProvesLife(t *testing.T) {
	w := seatedPair(t)
	w.config = DefaultConfig()
	w.config.Hibernates = true
	w.nowMs += w.config.IdleMs
	effects := w.room.Step(w.nowMs, Event{Kind: Answered, Conn: 1, AtMs: w.nowMs - 20_000}, nil)
	effects = w.room.Step(w.nowMs, Event{Kind: AlarmFired}, effects)
	var closed []ConnID
	var alarmMs int64
	for _, e := range effects {
		switch e.Kind {
		case Close:
			closed = append(closed, e.Conn)
			if e.Code != protocol.CloseIdle {
				t.Errorf("closed with %d", e.Code)
			}
		case SetAlarm:
			alarmMs = e.AtMs
		}
	}
	if len(closed) != 1 || closed[0] != 2 {
		t.Errorf("closed are %v, and only 2 was silent", closed)
	}
	if want := w.nowMs - 20_000 + legacySilenceMs; alarmMs != want {
		t.Errorf("the alarm is at %d and not %d: the silence of 1", alarmMs-w.nowMs, want-w.nowMs)
	}
}

// TestNobodyIsSeenInTheFuture: a clock of another program may be ahead.
func TestNobodyIsSeenInTheFuture(t *testing.T) {
	w := seatedPair(t)
	w.room.Step(w.nowMs, Event{Kind: Answered, Conn: 1, AtMs: w.nowMs + 3600_000}, nil)
	if got := w.room.conns[0].lastSeenMs; got != w.nowMs {
		t.Errorf("seen %d ms from now", got-w.nowMs)
	}
}

func TestWakeRefusesWhatIsNoAttachment(t *testing.T) {
	w := seatedPair(t)
	whole := w.attachments[1]
	config := DefaultConfig()
	config.Hibernates = true
	for n := range whole {
		if _, err := Wake(&config, "room-1", w.snapshot, 0, []Attachment{{Conn: 1, Bytes: whole[:n]}}); err != ErrSnapshot {
			t.Fatalf("%d of %d bytes are an attachment: %v", n, len(whole), err)
		}
	}
	for name, attachments := range map[string][]Attachment{
		"a byte too many":            {{Conn: 1, Bytes: append(append([]byte(nil), whole...), 0)}},
		"two connections for a seat": {{Conn: 1, Bytes: whole}, {Conn: 3, Bytes: whole}},
	} {
		if _, err := Wake(&config, "room-1", w.snapshot, 0, attachments); err != ErrSnapshot {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Wake(&config, "room-1", []byte{99}, 0, nil); err != ErrNewer {
		t.Errorf("a snapshot of another version: %v", err)
	}
}

// TestARelayIsWorthNoAttachment: what changes with every frame is attached now and then.
func TestARelayIsWorthNoAttachment(t *testing.T) {
	w := seatedPair(t)
	w.config = DefaultConfig()
	w.config.Hibernates = true
	relay := offerFromFirst()
	attachments := 0
	for range 1000 {
		w.nowMs += 2
		for _, e := range w.room.Step(w.nowMs, relay, nil) {
			if e.Kind == Attach {
				attachments++
			}
		}
	}
	if attachments < 2 || attachments > 20 {
		t.Errorf("%d attachments for 1000 relays in 2 s", attachments)
	}
}

// secretOf is what the shell draws for a connection.
func secretOf(conn ConnID) (s secret) {
	binary.LittleEndian.PutUint64(s[:], uint64(conn))
	return s
}

// TestWhatACarriedConnectionUsesIsKept: a process that takes a room over from another keeps no
// attachments. What the connections use from then on counts, not what they had used before.
func TestWhatACarriedConnectionUsesIsKept(t *testing.T) {
	w := seatedPair(t)
	w.config = DefaultConfig()
	var attachments []Attachment
	for _, c := range w.room.conns {
		attachments = append(attachments, Attachment{c.id, w.room.AppendAttachment(nil, c.id), secretOf(c.id)})
	}
	w.snapshot = w.room.AppendSnapshot(nil)
	w.woken(t, attachments...)
	used := func() (most meter) {
		for _, s := range w.room.spent {
			most = max(most, s.messages)
		}
		return most
	}
	before := used()
	for range 2 * w.config.MessageBurst / attachPerBurst {
		w.room.Step(w.nowMs, Event{Kind: Seen, Conn: 1}, nil)
	}
	w.room.Step(w.nowMs, Event{Kind: Disconnected, Conn: 1, CloseCode: 1006}, nil)
	if used() <= before {
		t.Error("a connection that ends leaves nothing of what it has used")
	}
}
