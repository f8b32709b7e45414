package link

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"usher/protocol"
	"usher/room"
)

// everyKind is a message with an item of each kind.
func everyKind() []byte {
	o := opening{address: 7, uncounted: true, requestID: "4f8a", roomID: "movie-night"}
	c := claim{"movie-night", "ann", "AAECAwQFBgcICQoLDA0ODw"}
	summary := protocol.RoomSummary{ID: "movie-night", Name: "Film", ControlMode: protocol.FreeForAll, People: 3, Entry: protocol.EntryKnock, HasPasscode: true}
	b := appendHead(nil, &Head{Major: MaxWire, From: Incarnation{ID: "node-1", Nonce: 9}, Link: 4, Sequence: 2, Peer: 3, Handled: math.MaxUint64, Dead: 1})
	for _, i := range []Item{
		{Kind: Beat},
		{Kind: Traced, Conn: 1 << 40, Bytes: append(bytes.Repeat([]byte{7}, 24), 1)},
		{Kind: Open, Shard: 1023, Term: 5, Conn: 1 << 40, Bytes: o.append(nil)},
		{Kind: Frame, Conn: 1, Bytes: append(appendShort(nil, protocol.CodeRateLimited), `{"type":"PING"}`...)},
		{Kind: Invalid, Conn: 1}, {Kind: Binary, Conn: 1}, {Kind: Seen, Conn: 1}, {Kind: Exceeded, Conn: 1},
		{Kind: End, Code: 1002, Conn: 1}, {Kind: Gone, Code: 1006, Conn: 1},
		{Kind: Ask, Conn: 2, Bytes: []byte("movie-night")}, {Kind: Arrived, Conn: 3},
		{Kind: AskSeat, Conn: 2, Bytes: c.append(nil)},
		{Kind: Seated, Conn: 2, Bytes: appendHolding(nil, 1_700_000_000_000, "")},
		{Kind: Seated, Conn: 2, Bytes: appendHolding(nil, 0, protocol.CodeInvalidResumeToken)},
		{Kind: Opened, Conn: 1}, {Kind: Refused, Conn: 1, Bytes: []byte(protocol.CodeServerFull)}, {Kind: Moved, Conn: 1},
		{Kind: Ping, Conn: 1}, {Kind: Close, Code: 4004, Conn: 1}, {Kind: Cut, Conn: 1}, {Kind: Stands, Code: 2, Conn: 1},
		{Kind: Described, Conn: 2, Bytes: appendDescription(nil, &summary, "")},
		{Kind: Described, Conn: 2, Bytes: appendDescription(nil, nil, protocol.CodeRoomNotFound)},
		{Kind: Create, Conn: 4, Bytes: appendArrangement(nil, "movie-night", &room.Arrangement{Name: "Film", Mode: protocol.FreeForAll, AwaitedUntilMs: 7})},
		{Kind: CreateWith, Conn: 4, Bytes: append(appendDetails(nil, &arrangement), appendArrangement(nil, "movie-night", &arrangement)...)},
		{Kind: Created, Conn: 4, Bytes: appendCreation(nil, &room.Creation{}, protocol.CodeRoomExists)},
		{Kind: Created, Conn: 4, Bytes: appendCreation(nil, &made, "")},
		{Kind: Operate, Conn: 5, Bytes: appendAct(nil, "movie-night", &room.Act{Kind: room.ActBan, Role: protocol.Host, UserID: "ann", Actor: "ops", Text: "Enough"})},
		{Kind: Operate, Conn: 5, Bytes: appendAct(nil, "movie-night", &room.Act{Kind: room.ActDoor, Door: protocol.DoorChange{Entry: protocol.EntryLocked, HasEntry: true, NoPasscode: true, MaxPeople: 250, Listed: true, HasListed: true}})},
		{Kind: AskView, Conn: 6, Bytes: []byte("movie-night")},
		{Kind: Operated, Conn: 5, Bytes: appendShort(nil, protocol.CodeTargetNotFound)}, {Kind: Operated, Conn: 5, Bytes: []byte{0}},
		{Kind: Viewed, Conn: 6, Bytes: appendView(nil, &room.View{Name: "Film", People: []room.PersonView{{UserID: "ann"}}}, "")},
		{Kind: Viewed, Conn: 6, Bytes: appendView(nil, nil, protocol.CodeRoomNotFound)},
		{Kind: Read, Conn: 3, Bytes: []byte{1, 2, 0x80, 1}},
	} {
		b = appendItem(b, &i, nil)
	}
	start := len(b)
	b = appendSend(b, 6, 5, []byte(`{"type":"PONG"}`), 1)
	return appendConn(b, start, 300)
}

// again encodes what was decoded.
func again(m *Message) []byte {
	b := appendHead(nil, &m.Head)
	for i := range m.Items() {
		b = appendItem(b, &i, nil)
	}
	return b
}

func TestMessageSaysWhatItWasMadeOf(t *testing.T) {
	b := everyKind()
	m, err := Decode(b)
	if err != nil || !bytes.Equal(again(&m), b) {
		t.Fatalf("%v, %+v", err, m)
	}
	kinds := map[Kind]Item{}
	for i := range m.Items() {
		kinds[i.Kind] = i
	}
	for k := range math.MaxUint8 {
		if _, made := kinds[Kind(k)]; made != Kind(k).known() {
			t.Errorf("kind %d is in the message or known, not both", k)
		}
	}
	sent := kinds[Send]
	frame, listed, ok := sent.sent()
	if !ok || string(frame) != `{"type":"PONG"}` || !slices.Equal(slices.Collect(conns(listed)), []uint64{1, 300}) || sent.Term != 5 || sent.Shard != 6 {
		t.Errorf("%q to %v", frame, listed)
	}
	o, ok := decodeOpening(kinds[Open].Bytes)
	if !ok || o != (opening{address: 7, uncounted: true, requestID: "4f8a", roomID: "movie-night"}) || kinds[Open].Conn != 1<<40 {
		t.Errorf("%+v", o)
	}
	if kinds[Close].Code != 4004 || m.Handled != math.MaxUint64 || m.From != (Incarnation{ID: "node-1", Nonce: 9}) {
		t.Errorf("%+v", m.Head)
	}
}

// An opening carries what the edge has verified. A node that does not know of that takes it for a
// part of the room id, and refuses it.
func TestIdentitiesAreDecoded(t *testing.T) {
	for _, who := range []room.Identity{
		{},
		{UserID: "ann", Name: "Ann", Role: protocol.Host, HasRole: true, MayCreate: true, ExpiresAtMs: 9},
		{Invited: true, EnterUntilMs: 1 << 50, RoomSinceMs: 3, Once: room.PassID{1, 15: 2}, Name: strings.Repeat("é", 96)},
	} {
		o := opening{address: 7, requestID: "4f8a", roomID: "movie-night", identity: &who}
		b := o.append(nil)
		got, ok := decodeOpening(b)
		if !ok || *got.identity != who || got.roomID != o.roomID {
			t.Errorf("%+v", got)
		}
		if _, rest, _ := short(b[9:]); protocol.ValidRoomID(rest) {
			t.Errorf("%q would be taken for a room id", rest)
		}
		for n := range len(b) - len(o.roomID) {
			if _, ok := decodeOpening(b[:n]); ok {
				t.Errorf("%d of %d bytes are decoded", n, len(b))
			}
		}
	}
	bad := room.Identity{Role: protocol.Host + 1}
	if _, _, ok := decodeIdentity(appendIdentity(nil, &bad)); ok {
		t.Error("a role that does not exist is decoded")
	}
}

var (
	arrangement = room.Arrangement{
		Name: "Film", Mode: protocol.FreeForAll, AwaitedUntilMs: 7, RelayOnly: true, KeepMs: 8,
		Door: protocol.DoorChange{Entry: protocol.EntryKnock, HasEntry: true, Passcode: []byte("sesame"), MaxPeople: 9, HasListed: true},
	}
	made = room.Creation{CreatedAtMs: 6, EndsAtMs: 7, KeepMs: 8, OwnerToken: "theirs"}
)

func TestCreationsAreDecoded(t *testing.T) {
	want := arrangement
	with := append(appendDetails(nil, &want), appendArrangement(nil, "movie-night", &want)...)
	if roomID, got, ok := decodeArrangementWith(with); !ok || roomID != "movie-night" || !reflect.DeepEqual(got, want) {
		t.Errorf("%q %+v", roomID, got)
	}
	for n := range len(with) - len("Film") {
		if _, got, ok := decodeArrangementWith(with[:n]); ok {
			t.Errorf("%d bytes are %+v", n, got)
		}
	}
	want.RelayOnly, want.KeepMs, want.Door = false, 0, protocol.DoorChange{}
	if roomID, got, ok := decodeArrangement(appendArrangement(nil, "movie-night", &want)); !ok || roomID != "movie-night" || !reflect.DeepEqual(got, want) {
		t.Errorf("%q %+v", roomID, got)
	}
	if got, refusal, ok := decodeCreation(appendCreation(nil, &made, "")); !ok || got != made || refusal != "" {
		t.Error(got, refusal)
	}
	if got, _, ok := decodeCreation([]byte{0, 6, 0, 0, 0, 0, 0, 0, 0}); !ok || got != (room.Creation{CreatedAtMs: 6}) {
		t.Error("an older node's reply is", got)
	}
	if _, refusal, _ := decodeCreation(appendCreation(nil, &room.Creation{}, "NEWER_CODE")); refusal != protocol.CodeRoomUnavailable {
		t.Error(refusal)
	}
}

func TestDescriptionIsDecoded(t *testing.T) {
	want := protocol.RoomSummary{ID: "movie-night", Name: "Film", ControlMode: protocol.FreeForAll, People: 3, Entry: protocol.EntryKnock, HasPasscode: true}
	got, refusal, ok := decodeDescription(appendDescription(nil, &want, ""))
	if !ok || refusal != "" || got != want {
		t.Errorf("%+v %q", got, refusal)
	}
	if _, refusal, ok = decodeDescription(appendDescription(nil, nil, protocol.CodeRoomNotFound)); !ok || refusal != protocol.CodeRoomNotFound {
		t.Error(refusal)
	}
	if _, refusal, _ = decodeDescription(appendDescription(nil, nil, "NEWER_CODE")); refusal != protocol.CodeRoomUnavailable {
		t.Error(refusal)
	}
}

func TestMalformedMessagesAreRefused(t *testing.T) {
	good := everyKind()
	head := appendHead(nil, &Head{Major: MaxWire, From: Incarnation{ID: "a", Nonce: 1}, Link: 1, Sequence: 1})
	for name, b := range map[string][]byte{
		"nothing":               {},
		"one byte":              {MaxWire},
		"no head":               {MaxWire, Minor, 255, 0},
		"short head":            {MaxWire, Minor, 2, 0, 1, 2},
		"too long":              make([]byte, MaxMessageBytes+1),
		"no link":               appendHead(nil, &Head{Major: MaxWire, From: Incarnation{ID: "a", Nonce: 1}, Sequence: 1}),
		"no sequence":           appendHead(nil, &Head{Major: MaxWire, From: Incarnation{ID: "a", Nonce: 1}, Link: 1}),
		"nobody":                appendHead(nil, &Head{Major: MaxWire, From: Incarnation{ID: "", Nonce: 1}, Link: 1, Sequence: 1}),
		"no nonce":              appendHead(nil, &Head{Major: MaxWire, From: Incarnation{ID: "a", Nonce: 0}, Link: 1, Sequence: 1}),
		"a subject":             appendHead(nil, &Head{Major: MaxWire, From: Incarnation{ID: "a.>", Nonce: 1}, Link: 1, Sequence: 1}),
		"a long id":             appendHead(nil, &Head{Major: MaxWire, From: Incarnation{ID: strings.Repeat("a", 65), Nonce: 1}, Link: 1, Sequence: 1}),
		"half an item":          append(bytes.Clone(head), byte(Beat), 0, 0),
		"an item too long":      append(bytes.Clone(head), byte(Beat), 255, 255, 255, 255),
		"an item without term":  append(bytes.Clone(head), byte(Beat), 4, 0, 0, 0, 0, 0, 0, 0),
		"a long term":           append(bytes.Clone(head), append([]byte{byte(Beat), 15, 0, 0, 0, 0, 0, 0, 0}, bytes.Repeat([]byte{255}, 11)...)...),
		"an open without room":  appendItem(bytes.Clone(head), &Item{Kind: Open, Bytes: []byte{1}}, nil),
		"half a trace":          appendItem(bytes.Clone(head), &Item{Kind: Traced, Bytes: bytes.Repeat([]byte{7}, 24)}, nil),
		"a trace without ids":   appendItem(bytes.Clone(head), &Item{Kind: Traced, Bytes: make([]byte, 25)}, nil),
		"a frame without code":  appendItem(bytes.Clone(head), &Item{Kind: Frame}, nil),
		"a send without frame":  appendItem(bytes.Clone(head), &Item{Kind: Send, Bytes: []byte{9, 0, 0, 0, 1}}, nil),
		"a read of half a conn": appendItem(bytes.Clone(head), &Item{Kind: Read, Bytes: []byte{128}}, nil),
		"an empty arrangement":  appendItem(bytes.Clone(head), &Item{Kind: Create, Bytes: make([]byte, 8)}, nil),
		"an empty creation":     appendItem(bytes.Clone(head), &Item{Kind: Created, Bytes: []byte{0}}, nil),
		"half an identity":      appendItem(bytes.Clone(head), &Item{Kind: Open, Bytes: []byte{1, 2, 3, 4, 5, 6, 7, 8, openIdentified, 0, 1, 2}}, nil),
		"an empty description":  appendItem(bytes.Clone(head), &Item{Kind: Described}, nil),
		"an empty claim":        appendItem(bytes.Clone(head), &Item{Kind: AskSeat}, nil),
		"a claim of one text":   appendItem(bytes.Clone(head), &Item{Kind: AskSeat, Bytes: []byte{1, 'a', 9}}, nil),
		"a long token":          appendItem(bytes.Clone(head), &Item{Kind: AskSeat, Bytes: append([]byte{1, 'a', 1, 'b'}, make([]byte, MaxTokenBytes+1)...)}, nil),
		"an empty holding":      appendItem(bytes.Clone(head), &Item{Kind: Seated, Bytes: []byte{0}}, nil),
		"an empty act":          appendItem(bytes.Clone(head), &Item{Kind: Operate, Bytes: make([]byte, 4)}, nil),
		"an act of half a name": appendItem(bytes.Clone(head), &Item{Kind: Operate, Bytes: []byte{1, 0, 0, 0, 0, 0, 0, 9, 'a'}}, nil),
		"an empty view":         appendItem(bytes.Clone(head), &Item{Kind: Viewed, Bytes: []byte{0}}, nil),
		"no outcome":            appendItem(bytes.Clone(head), &Item{Kind: Operated}, nil),
		"cut":                   good[:len(good)-1],
	} {
		if _, err := Decode(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Decode([]byte{MaxWire + 1, 0}); !errors.Is(err, ErrVersion) {
		t.Errorf("another major version: %v", err)
	}
}

// testdata has what the next version might send: a longer head, and an item of a new kind before a
// frame.
func TestNewerVersionIsUnderstood(t *testing.T) {
	m, err := Decode(fromHex(t, "testdata/newer.hex"))
	if err != nil || m.Minor != Minor+1 {
		t.Fatalf("%v, %+v", err, m.Head)
	}
	want := Head{Major: 1, Minor: Minor + 1, From: Incarnation{ID: "new", Nonce: 3}, Link: 4, Sequence: 5, Peer: 6, Handled: 7, Dead: 2}
	if m.Head != want {
		t.Errorf("%+v", m.Head)
	}
	var kinds []Kind
	for i := range m.Items() {
		kinds = append(kinds, i.Kind)
	}
	if !reflect.DeepEqual(kinds, []Kind{Beat, 31, Seen}) {
		t.Errorf("%v", kinds)
	}
}

// fromHex reads a file of hexadecimal digits, spaces, and comments from # on.
func fromHex(t *testing.T, path string) []byte {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A message from anywhere is refused, or is what its items say.
func FuzzDecode(f *testing.F) {
	f.Add(everyKind())
	f.Add([]byte{MaxWire, 0, 49, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		known := true
		for i := range m.Items() {
			known = known && i.Kind.known()
		}
		encoded := again(&m)
		second, err := Decode(encoded)
		if err != nil {
			t.Fatalf("%v in %x, which is what %x says", err, encoded, b)
		}
		if known && !bytes.Equal(again(&second), encoded) {
			t.Errorf("%x is not %x", again(&second), encoded)
		}
	})
}

func TestEncodingAndDecodingAllocateNothing(t *testing.T) {
	frame := []byte(`{"type":"PING"}`)
	b := make([]byte, 0, 4096)
	head := Head{Major: MaxWire, From: Incarnation{ID: "a", Nonce: 1}, Link: 1, Sequence: 1}
	if n := testing.AllocsPerRun(100, func() {
		b = appendHead(b[:0], &head)
		b = appendItem(b, &Item{Kind: Frame, Conn: 1, Bytes: []byte{0}}, frame)
		start := len(b)
		b = appendConn(appendSend(b, 1, 2, frame, 3), start, 4)
	}); n != 0 {
		t.Errorf("encoding: %v", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		m, err := decode(b, Spoken)
		if err != nil {
			t.Fatal(err)
		}
		for i := range m.Items() {
			_, listed, _ := i.sent()
			for range conns(listed) {
			}
		}
	}); n != 0 {
		t.Errorf("decoding: %v", n)
	}
}
