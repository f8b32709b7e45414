package abi

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
)

const nowMs = 1_000_000

// wake joins the texts of a Wake and returns the handle and the effects, or 0 and the problem.
func wake(rs *Rooms, settings, id string, snapshot []byte, attachments map[float64][]byte) (handle uint32, rest []byte) {
	input := appendText(appendText(appendText(nil, settings), id), snapshot)
	for conn, attachment := range attachments {
		input = appendText(append(appendFloat64(input, conn), drawn...), attachment)
	}
	return wakeAt(rs, nowMs, 0, 0, input)
}

// wakeAt is wake at a time, with an alarm that is set and a time that the shell did not run.
func wakeAt(rs *Rooms, nowMs, alarmMs, pausedMs float64, input []byte) (handle uint32, rest []byte) {
	n := rs.Wake(nowMs, alarmMs, pausedMs, copy(rs.Input(len(input)), input))
	out := bytes.Clone(rs.Output())
	if n != len(out) {
		panic("length and output differ")
	}
	return binary.LittleEndian.Uint32(out), out[4:]
}

// step returns the effects as text, an effect a line.
func step(t *testing.T, rs *Rooms, handle, kind uint32, conn, argument float64, input string) string {
	t.Helper()
	if kind == EventReceived {
		input += drawn
	}
	if n := rs.Step(handle, kind, conn, nowMs, argument, 0, copy(rs.Input(0), input)); n != len(rs.Output()) {
		t.Fatalf("step returns %d", n)
	}
	return show(t, rs.Output())
}

var effectNames = [...]string{"", "send", "forward", "close", "save", "save later", "delete", "alarm", "attach", "refused", "bounced", "renew"}

func show(t *testing.T, out []byte) string {
	t.Helper()
	in := reader{b: out}
	var lines []string
	for len(in.b) > 0 && !in.bad {
		kind := in.take(1)[0]
		line := effectNames[kind]
		switch kind {
		case EffectSend:
			line += fmt.Sprint(" ", in.float64())
			if binary.LittleEndian.Uint32(in.b) == Again {
				in.take(4)
				line += " again"
			} else {
				frame := in.text()
				line += " " + string(frame[:bytes.IndexByte(frame, ',')])
			}
		case EffectForward:
			line += fmt.Sprint(" ", in.float64())
		case EffectClose:
			line += fmt.Sprint(" ", in.float64(), " ", binary.LittleEndian.Uint16(in.take(2)))
		case EffectSave, EffectSaveLater:
			if len(in.text()) == 0 {
				line += " nothing"
			}
		case EffectSetAlarm:
			if at := in.float64(); at != 0 {
				line += fmt.Sprint(" ", at-nowMs)
			}
		case EffectAttach:
			line += fmt.Sprint(" ", in.float64())
			in.text()
		case EffectRefused, EffectBounced:
			line += fmt.Sprint(" ", in.float64(), " ", string(in.text()))
		}
		lines = append(lines, line)
	}
	if in.bad {
		t.Fatalf("the output cannot be understood: %x", out)
	}
	return strings.Join(lines, "; ")
}

const (
	create  = `{"type":"CREATE_ROOM","roomId":"room-1","userId":"ann","userName":"Ann"}`
	join    = `{"type":"JOIN_ROOM","roomId":"room-1","userId":"%s","userName":"Bob"}`
	offer   = `{"type":"WEBRTC_OFFER","roomId":"room-1","userId":"ann","targetUserId":"bob","offer":{}}`
	nobody  = `{"type":"WEBRTC_OFFER","roomId":"room-1","userId":"ann","targetUserId":"zoe","offer":{}}`
	rename  = `{"type":"RENAME_USER","roomId":"room-1","userId":"bob","newUserName":"B"}`
	leave   = `{"type":"LEAVE_ROOM","roomId":"room-1","userId":"%s"}`
	arrival = "12345678"
	drawn   = "a secret of ours" + "a secret owner's"
	// fast is limits that no test meets.
	fast = "message-rate 1000000\nmessage-burst 1000000\nbyte-rate 1073741824\nbyte-burst 1073741824\n"
)

// TestASessionAcrossTheLine shows every effect as it crosses.
func TestASessionAcrossTheLine(t *testing.T) {
	rs := New()
	handle, effects := wake(rs, "idle-timeout 60000\n", "room-1", nil, nil)
	if handle == 0 || len(effects) != 0 {
		t.Fatalf("handle %d, effects %s", handle, effects)
	}
	if n := rs.Describe(handle); n != 0 {
		t.Errorf("a room that does not exist is described by %s", rs.Output())
	}
	for i, c := range []struct {
		event    uint32
		conn     float64
		argument float64
		input    string
		want     string
	}{
		{EventConnected, 1, 0, arrival, "alarm 60000; attach 1"},
		{EventReceived, 1, 0, create, `save; send 1 {"type":"ROOM_CREATED"; alarm 45000; attach 1`},
		{EventConnected, 2, 0, arrival, "attach 2"},
		{EventReceived, 2, 0, fmt.Sprintf(join, "bob"), `save; send 2 {"type":"ROOM_JOINED"; send 1 {"type":"USER_JOINED"; attach 2`},
		// the next seating waits for the answer
		{EventReceived, 1, 0, offer, "forward 2; save later; attach 1"},
		{EventReceived, 1, 0, nobody, `bounced 1 TARGET_NOT_FOUND; send 1 {"type":"UNDELIVERED"`},
		{EventReceived, 2, 0, rename, `save; send 1 {"type":"USER_RENAMED"; send 2 again`},
		{EventReceived, 1, 0, "\xff", `refused 1 INVALID_UTF8; send 1 {"type":"ERROR"; close 1 1007; save later; send 2 {"type":"USER_LEFT"; alarm 40000`},
		{EventConnected, 3, 0, arrival, "attach 3"},
		{EventBinary, 3, 0, "", `refused 3 BINARY_FRAME; send 3 {"type":"ERROR"; close 3 1003`},
		{EventAnswered, 2, nowMs, "", ""},
		{EventAlarm, 0, 0, "", "alarm 40000"},
		{EventDisconnected, 2, 1000, "", "save"},
	} {
		if got := step(t, rs, handle, c.event, c.conn, c.argument, c.input); got != c.want {
			t.Errorf("%d: %s\nwant %s", i, got, c.want)
		}
	}
	if rs.Describe(handle); string(rs.Output()) != `{"id":"room-1","name":"Room room-1","controlMode":"HOST_ONLY","people":1,"entry":"OPEN","hasPasscode":false}` {
		t.Errorf("described by %s", rs.Output())
	}
}

// TestARoomThatIsOverIsDropped, and what is dropped is told, not stepped.
func TestARoomThatIsOverIsDropped(t *testing.T) {
	rs := New()
	handle, _ := wake(rs, "", "room-1", nil, nil)
	step(t, rs, handle, EventConnected, 1, 0, arrival)
	step(t, rs, handle, EventReceived, 1, 0, create)
	if got := step(t, rs, handle, EventReceived, 1, 0, fmt.Sprintf(leave, "ann")); got != "delete; close 1 1000; alarm" {
		t.Errorf("leaving: %s", got)
	}
	if got := rs.Step(handle, EventAlarm, 0, nowMs, 0, 0, 0); got != NoSuchRoom {
		t.Errorf("a step of a room that is over: %d", got)
	}
	if got := rs.Describe(handle); got != NoSuchRoom {
		t.Errorf("description of a room that is over: %d", got)
	}
	if len(rs.rooms) != 0 || len(rs.byID) != 0 || rs.bytes != 0 {
		t.Errorf("%d rooms, %d ids, %d bytes are left", len(rs.rooms), len(rs.byID), rs.bytes)
	}
}

// kept is what a shell keeps of the session so far.
func kept(t *testing.T, rs *Rooms) (snapshot []byte, attachments map[float64][]byte) {
	t.Helper()
	in := reader{b: rs.Output()}
	attachments = map[float64][]byte{}
	for len(in.b) > 0 {
		switch kind := in.take(1)[0]; kind {
		case EffectSave, EffectSaveLater:
			snapshot = bytes.Clone(in.text())
		case EffectSend:
			in.float64()
			in.text()
		case EffectSetAlarm:
			in.float64()
		case EffectAttach:
			conn := in.float64()
			attachments[conn] = bytes.Clone(in.text())
		default:
			t.Fatalf("unexpected effect %d", kind)
		}
	}
	return snapshot, attachments
}

func TestARoomGoesOnFromWhatItsShellKept(t *testing.T) {
	rs := New()
	first, _ := wake(rs, "", "room-1", nil, nil)
	step(t, rs, first, EventConnected, 1, 0, arrival)
	step(t, rs, first, EventReceived, 1, 0, create)
	snapshot, attachments := kept(t, rs)
	second, effects := wake(rs, "", "room-1", snapshot, attachments)
	if got := show(t, effects); second == first || got != "alarm 45000" {
		t.Errorf("handle %d after %d, effects %s: no alarm was said to be set", second, first, got)
	}
	if got := rs.Step(first, EventAlarm, 0, nowMs, 0, 0, 0); got != NoSuchRoom {
		t.Errorf("the older room of the same id is still there: %d", got)
	}
	step(t, rs, second, EventConnected, 2, 0, arrival)
	if got, want := step(t, rs, second, EventReceived, 2, 0, fmt.Sprintf(join, "bob")),
		`save; send 2 {"type":"ROOM_JOINED"; send 1 {"type":"USER_JOINED"; attach 2`; got != want {
		t.Errorf("after waking: %s", got)
	}
}

// TestTimeInWhichTheShellDidNotRun ends no grace that was under way and leaves a second to read
// what has arrived; a grace that begins with the end of the pause is whole.
func TestTimeInWhichTheShellDidNotRun(t *testing.T) {
	const graceMs, silenceMs, hour = 40_000, 45_000, 3_600_000
	rs := New()
	handle, _ := wake(rs, "", "room-1", nil, nil)
	step(t, rs, handle, EventConnected, 1, 0, arrival)
	step(t, rs, handle, EventReceived, 1, 0, create)
	snapshot, attachments := kept(t, rs)
	step(t, rs, handle, EventDisconnected, 1, 1006, "")
	held, _ := kept(t, rs)
	for _, c := range []struct {
		what             string
		snapshot         []byte
		attachments      map[float64][]byte
		alarmMs, pauseMs float64
		// wantMs is when the next deadline is after the late alarm, from then on; 0 for none.
		wantMs float64
	}{
		{"a grace that had a moment left", held, nil, nowMs + graceMs, hour, 1000},
		{"a connection that was due to be heard of", snapshot, attachments, nowMs + silenceMs, hour, 1000},
		{"a connection that ended meanwhile", snapshot, nil, nowMs + silenceMs, hour, graceMs},
		{"a grace that ended while the shell ran", held, nil, nowMs + graceMs, 0, 0},
	} {
		input := appendText(appendText(appendText(nil, ""), "room-1"), c.snapshot)
		for conn, attachment := range c.attachments {
			input = appendText(append(appendFloat64(input, conn), drawn...), attachment)
		}
		now := c.alarmMs + hour
		handle, _ := wakeAt(rs, now, c.alarmMs, c.pauseMs, input)
		rs.Step(handle, EventAlarm, 0, now, 0, 0, 0)
		want := fmt.Sprint("alarm ", now+c.wantMs-nowMs)
		if c.wantMs == 0 {
			want = "delete"
		}
		if got := show(t, rs.Output()); got != want {
			t.Errorf("%s: %s, want %s", c.what, got, want)
		}
	}
}

// TestRoomsAreACache: the least recently stepped go, so that neither their number nor their size
// grows forever.
func TestRoomsAreACache(t *testing.T) {
	rs := New()
	var handles []uint32
	for i := range maxRooms + 1 {
		handle, _ := wake(rs, "", fmt.Sprintf("room-%d", i), nil, nil)
		handles = append(handles, handle)
		if i == 1 {
			step(t, rs, handles[0], EventConnected, 1, 0, arrival) // so the second is the oldest
		}
	}
	if len(rs.rooms) != maxRooms || rs.Step(handles[1], EventAlarm, 0, nowMs, 0, 0, 0) != NoSuchRoom {
		t.Errorf("%d rooms, and the least recently stepped is still there", len(rs.rooms))
	}
	if rs.Step(handles[0], EventAlarm, 0, nowMs, 0, 0, 0) == NoSuchRoom {
		t.Error("a room that was stepped later is gone")
	}
	rs.bytes = maxRoomBytes + 1
	wake(rs, "", "one-more", nil, nil)
	if len(rs.rooms) > 1 && rs.bytes > maxRoomBytes {
		t.Errorf("%d rooms keep %d bytes", len(rs.rooms), rs.bytes)
	}
}

func TestWakeSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ settings, snapshot, want string }{
		{"seat-grace 10\n", "", "seat-grace must be 1000 to 3600000, not 10"},
		{"seat-grace soon\n", "", "seat-grace must be a whole number"},
		{"seatgrace 10\n", "", "there is no setting seatgrace"},
		{"tokenless-rejoin yes\n", "", "tokenless-rejoin must be address, anywhere or never"},
		{"ping-interval 90001\n", "", "ping-interval must be 1000 to 90000, not 90001"},
		{"", "\x01nonsense", "room: not a snapshot"},
		{"", "nonsense", "room: a snapshot of a later version"},
	} {
		if handle, problem := wake(New(), c.settings, "room-1", []byte(c.snapshot), nil); handle != 0 || string(problem) != c.want {
			t.Errorf("%q %q: handle %d, %s", c.settings, c.snapshot, handle, problem)
		}
	}
	rs := New()
	n := rs.Wake(nowMs, 0, 0, copy(rs.Input(0), "\xff\xff\xff\xff"))
	if got := string(rs.Output()[:n]); got != "\x00\x00\x00\x00the input cannot be understood" {
		t.Errorf("input that is cut off: %q", got)
	}
}

func TestBuffersShrinkAgain(t *testing.T) {
	rs := New()
	if got := len(rs.Input(10 * InputBytes)); got != 10*InputBytes {
		t.Fatal("the input has ", got)
	}
	wake(rs, "", "room-1", nil, nil)
	if got := len(rs.Input(0)); got != InputBytes {
		t.Errorf("after a large call the input still has %d bytes", got)
	}
}

func TestARelayAcrossTheLineDoesNotAllocate(t *testing.T) {
	rs := New()
	handle, _ := wake(rs, fast, "room-1", nil, nil)
	for i, frame := range []string{create, fmt.Sprintf(join, "bob")} {
		step(t, rs, handle, EventConnected, float64(i+1), 0, arrival)
		step(t, rs, handle, EventReceived, float64(i+1), 0, frame)
	}
	n := copy(rs.Input(0), offer+drawn)
	const laterMs = nowMs + 2000 // the offers after the seating are over
	if allocations := testing.AllocsPerRun(1000, func() {
		if rs.Step(handle, EventReceived, 1, laterMs, 0, 0, n) < 9 || rs.Output()[0] != EffectForward {
			t.Fatalf("effects are %x", rs.Output())
		}
	}); allocations != 0 {
		t.Errorf("a relay allocates %v times", allocations)
	}
	if math.Float64frombits(binary.LittleEndian.Uint64(rs.Output()[1:])) != 2 {
		t.Errorf("forwarded to %x", rs.Output())
	}
	if allocations := testing.AllocsPerRun(1000, func() {
		if to := rs.Relay(handle, 1, laterMs, len(offer)); to != 2 {
			t.Fatalf("the short way leads to %v", to)
		}
	}); allocations != 0 {
		t.Errorf("the short way allocates %v times", allocations)
	}
}

// TestTheShortWayIsForWhatIsOnlyForwarded: all else, the room must be stepped with.
func TestTheShortWayIsForWhatIsOnlyForwarded(t *testing.T) {
	rs := New()
	handle, _ := wake(rs, "message-burst 2\nmessage-rate 1\n", "room-1", nil, nil)
	for i, frame := range []string{create, fmt.Sprintf(join, "bob")} {
		step(t, rs, handle, EventConnected, float64(i+1), 0, arrival)
		step(t, rs, handle, EventReceived, float64(i+1), 0, frame)
	}
	for name, c := range map[string]struct {
		handle uint32
		conn   float64
		nowMs  float64
		frame  string
	}{
		"a room that was dropped":   {handle + 1, 1, nowMs + 9000, offer},
		"an unknown connection":     {handle, 9, nowMs + 9000, offer},
		"another's name":            {handle, 2, nowMs + 9000, offer},
		"an unknown target":         {handle, 1, nowMs + 9000, nobody},
		"a request":                 {handle, 2, nowMs + 9000, rename},
		"no message":                {handle, 1, nowMs + 9000, "nonsense"},
		"a frame over the limits":   {handle, 1, nowMs, offer},
		"an alarm that is due":      {handle, 1, nowMs + 90_000, offer},
		"an attachment that is due": {handle, 1, nowMs + 9000, offer},
	} {
		if to := rs.Relay(c.handle, c.conn, c.nowMs, copy(rs.Input(0), c.frame)); to != 0 {
			t.Errorf("%s goes to %v", name, to)
		}
	}
}

func BenchmarkRelay(b *testing.B) {
	rs := New()
	handle, _ := wake(rs, fast, "room-1", nil, nil)
	for i, frame := range []string{create, fmt.Sprintf(join, "bob")} {
		rs.Step(handle, EventConnected, float64(i+1), nowMs, 0, 0, copy(rs.Input(0), arrival))
		rs.Step(handle, EventReceived, float64(i+1), nowMs, 0, 0, copy(rs.Input(0), frame+drawn))
	}
	sdp := strings.Repeat(`a=rtpmap:111 opus/48000/2\r\n`, 36)
	n := copy(rs.Input(0), strings.Replace(offer, `"offer":{}`, `"timestamp":1700000000000,"offer":{"type":"offer","sdp":"`+sdp+`"}`, 1))
	b.SetBytes(int64(n))
	b.ReportAllocs()
	for b.Loop() {
		if rs.Relay(handle, 1, nowMs, n) == 0 && rs.Step(handle, EventReceived, 1, nowMs, 0, 0, n) < 9 {
			b.Fatal("no relay")
		}
	}
}
