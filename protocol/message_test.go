package protocol

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/vectors.json")

// vector is one message and its bytes. testdata/vectors.json is for every implementation of the
// wire to read.
type vector struct {
	Name  string          `json:"name"`
	From  string          `json:"from"` // client or server
	Type  string          `json:"type"`
	Frame json.RawMessage `json:"frame"`
}

var (
	base     = BaseSignalingMessage{RoomID: "room-1", UserID: "user-1764000000000-a1b2c3d4e", Timestamp: 1764000000123}
	syncBase = BaseSyncMessage{UserID: "user-1764000000000-a1b2c3d4e", Timestamp: 1764000000123}
	seconds  = 62.5

	passcodeExample = "Sesam öffne dich \"1\""
	isListed        = true
)

var clientExamples = []ClientMessage{
	CreateRoomMessage{BaseSignalingMessage: base, UserName: "Ann", RoomName: "Film night", ICETransportPolicy: "relay", Protocol: 1, KeepMs: 3_600_000, OwnerToken: "AAECAwQFBgcICQoLDA0ODw", Ref: "create-1"},
	CreateRoomMessage{BaseSignalingMessage: base, UserName: "Ann"},
	JoinRoomMessage{BaseSignalingMessage: base, UserName: "Ann \"A\" \u2028 é 😀 \n", ResumeToken: "AAECAwQFBgcICQoLDA0ODw", Protocol: 1, OwnerToken: "AQECAwQFBgcICQoLDA0ODw", Ref: "_2"},
	JoinRoomMessage{BaseSignalingMessage: base, UserName: "Ann"},
	JoinRoomMessage{BaseSignalingMessage: base, UserName: "Ann", Protocol: 1, Passcode: passcodeExample, KnockToken: "AAECAwQFBgcICQoLDA0ODw"},
	JoinRoomMessage{BaseSignalingMessage: base, UserName: "Ann", Protocol: 1, Invite: "eyJhbGciOiJIUzI1NiJ9.e30.AAEC"},
	CreateRoomMessage{BaseSignalingMessage: base, UserName: "Ann", Protocol: 1, Door: &DoorSettings{Entry: "KNOCK", Passcode: &passcodeExample, MaxPeople: 8, Listed: &isListed}},
	CreateRoomMessage{BaseSignalingMessage: base, UserName: "Ann", Protocol: 1, Passcode: passcodeExample, KnockToken: "AAECAwQFBgcICQoLDA0ODw", Door: &DoorSettings{}},
	LeaveRoomMessage{BaseSignalingMessage: base}, LeaveRoomMessage{base, "3"},
	RenameRoomMessage{BaseSignalingMessage: base, NewRoomName: "Second night"}, RenameRoomMessage{base, "Second night", "4"},
	RenameUserMessage{BaseSignalingMessage: base, NewUserName: "Anna"}, RenameUserMessage{base, "Anna", "5"},
	TransferHostMessage{BaseSignalingMessage: base, TargetUserID: "bob"}, TransferHostMessage{base, "bob", "6"},
	SetRoleMessage{base, "bob", "COHOST", ""}, SetRoleMessage{base, "bob", "VIEWER", "7"}, SetRoleMessage{base, "bob", "GUEST", "8"},
	KickUserMessage{base, "bob", false, "", ""}, KickUserMessage{base, "bob", true, "Spoilers \"again\"", "9"},
	UnbanUserMessage{base, "bob", "10"}, ListBansMessage{base, ""}, ListBansMessage{base, "11"},
	RenewAuthMessage{base, "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "12"}, RenewAuthMessage{base, "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", ""},
	SetDoorMessage{base, DoorSettings{Entry: "KNOCK"}, ""}, SetDoorMessage{base, DoorSettings{"LOCKED", &passcodeExample, 8, &isListed}, "12"}, SetDoorMessage{base, DoorSettings{Passcode: new(string)}, "13"},
	AdmitMessage{base, "bob", ""}, AdmitMessage{base, "bob", "14"}, DenyMessage{base, "bob", ""}, DenyMessage{base, "bob", "15"},
	WebRTCOfferMessage{base, "bob", SessionDescription{"offer", "v=0\r\n"}},
	WebRTCAnswerMessage{base, "bob", SessionDescription{"answer", "v=0\r\n"}},
	WebRTCIceCandidateMessage{base, "bob", IceCandidate{"candidate:1 1 udp 1 192.0.2.1 1 typ host", "0", 0}},
	PathReportMessage{base, "bob", "NONE", "MDNS", "IPV4", "SILENT", "FAILED"}, PathReportMessage{base, "bob", "DIRECT", "ADDRESS", "", "NONE", "NONE"},
	PingMessage{}, PingMessage{1764000000123}, PongMessage{1764000000123},
	HostStateUpdateMessage{syncBase, "PLAYING", 62.5, "https://example.org/film"},
	HostStateUpdateMessage{syncBase, "PAUSED", 0, ""},
	UnifiedSyncMessage{syncBase, "SEEK", 1e-7, "https://example.org/film"},
	ControlModeChangeMessage{syncBase, "FREE_FOR_ALL"},
	HostNavigateMessage{syncBase, "https://example.org/next"},
	HostNavigateMessage{BaseSyncMessage{"room-1", "ann", "bob", 1764000000123}, "https://example.org/next"},
	PlaybackMessage{syncBase, ClientRequestPlay, nil}, PlaybackMessage{syncBase, ClientRequestPause, nil}, PlaybackMessage{syncBase, ClientRequestSeek, &seconds},
	PlaybackMessage{syncBase, DirectPlay, &seconds}, PlaybackMessage{syncBase, DirectPause, nil}, PlaybackMessage{syncBase, DirectSeek, &seconds},
}

func serverExamples() []ResponseMessage {
	video := VideoState{IsPlaying: true, CurrentTime: 62.5, Duration: 5400, PlaybackRate: 1, URL: "https://example.org/film", LastUpdated: 1764000000000}
	ann := User{ID: "ann", Name: "Ann", IsHost: true, Role: Host, IsConnected: true, JoinedAt: 1764000000000}
	bob := User{ID: "bob", Name: "Bob \"B\"", JoinedAt: 1764000000001}
	state := RoomState{ID: "room-1", Name: "Film night", HostID: "ann", Users: []User{ann, bob}, VideoState: VideoState{PlaybackRate: 1, LastUpdated: 1}, CreatedAt: 1, LastActivity: 2}
	told := state
	told.ControlMode, told.VideoState, told.HostVideoState, told.HostCurrentURL = FreeForAll, video, &video, "https://example.org/next"
	told.Door = &Door{EntryKnock, true, 8, true}
	seating := Seating{"room-1", "ann", state, "AAECAwQFBgcICQoLDA0ODw", "AQECAwQFBgcICQoLDA0ODw", 3_600_000, true, true, 20000, 3, "create-1", 3}
	return []ResponseMessage{
		RoomCreatedMessage{seating}, RoomJoinedMessage{Seating{RoomID: "room-1", UserID: "ann", RoomState: told, Timestamp: 3}},
		UserJoinedMessage{"room-1", bob, &state, 3}, UserJoinedMessage{"room-1", bob, nil, 3},
		UserLeftMessage{Departure{"room-1", 3, "ann", "bob"}, &state, ""}, UserLeftMessage{Departure{"room-1", 3, "bob", ""}, &state, "9"}, UserLeftMessage{Departure{"room-1", 3, "bob", ""}, nil, ""},
		UserDisconnectedMessage{Departure{"room-1", 3, "bob", ""}, state}, UserReconnectedMessage{"room-1", "bob", state, 3},
		RoomRenamedMessage{"room-1", "Second night", state, "", 3}, RoomRenamedMessage{"room-1", "Second night", state, "4", 3},
		UserRenamedMessage{"room-1", "bob", "Robert", state, "", 3}, UserRenamedMessage{"room-1", "bob", "Robert", state, "5", 3},
		HostChangedMessage{"room-1", "bob", "ann", state, "", 3}, HostChangedMessage{"room-1", "bob", "ann", state, "6", 3},
		RoleChangedMessage{"room-1", "bob", Cohost, Guest, state, "", 3}, RoleChangedMessage{"room-1", "bob", Viewer, Cohost, state, "7", 3},
		KickedMessage{"room-1", "Spoilers \"again\"", true, 3}, KickedMessage{RoomID: "room-1", Timestamp: 3},
		AnnouncementMessage{"room-1", "The server restarts at \"ten\"", 3},
		BansMessage{"room-1", []Ban{{"bob", "Bob \"B\"", 2}, {"cem", "Cem", 3}}, "11", 3}, BansMessage{RoomID: "room-1", Timestamp: 3},
		TokenExpiresMessage{"room-1", 60_003, 3}, AuthRenewedMessage{"room-1", 600_003, "12", 3}, AuthRenewedMessage{RoomID: "room-1", ExpiresAt: 600_003, Timestamp: 3},
		IceServersMessage{"room-1", []IceServer{{URLs: []string{"stun:s"}}, {[]string{"turn:t", "turns:t"}, "1764000000:x", "c/+="}}, 43200, 3},
		IceServersMessage{RoomID: "room-1", Timestamp: 3},
		DoorChangedMessage{"room-1", Door{EntryLocked, true, 8, true}, "12", 3}, DoorChangedMessage{"room-1", Door{EntryOpen, false, 50, false}, "", 3},
		KnockingMessage{"room-1", "dan", 2, "AAECAwQFBgcICQoLDA0ODw", 300003, 20000, "_2", 3}, KnockingMessage{RoomID: "room-1", UserID: "dan", Position: 1, ExpiresAt: 300003, PingIntervalMs: 20000, Timestamp: 4},
		KnockMessage{"room-1", "dan", "Dan \"D\"", 300003, 3},
		KnockEndedMessage{"room-1", "dan", KnockAdmitted, "14", 3}, KnockEndedMessage{"room-1", "dan", KnockExpired, "", 3},
		PathMessage{"room-1", "bob", PathUDPBlocked, 3}, PathMessage{"room-1", "bob", PathDirect, 3},
		UndeliveredMessage{CodeTargetAway, WebRTCOffer, "bob", true, "", 3}, UndeliveredMessage{CodeControlDenied, DirectPlay, "", false, "", 3}, UndeliveredMessage{CodeNotSeated, RenameUser, "", false, "5", 3},
		ErrorMessage{CodeInvalidMessage, "Message has a missing or malformed field", "userName is missing", false, "", 3}, ErrorMessage{CodeRoomNotFound, "Room not found", "", false, "_2", 3},
		PongMessage{3},
	}
}

// TestVectors holds every message of both directions to the bytes in testdata/vectors.json.
func TestVectors(t *testing.T) {
	var vectors []vector
	for _, m := range clientExamples {
		vectors = append(vectors, vector{From: "client", Type: typeIn(t, m.Append(nil)), Frame: m.Append(nil)})
	}
	for _, m := range serverExamples() {
		vectors = append(vectors, vector{From: "server", Type: m.ResponseType(), Frame: m.Append(nil)})
	}
	seen := map[string]int{}
	for i := range vectors {
		v := &vectors[i]
		v.Name = v.From + " " + v.Type
		if seen[v.Name]++; seen[v.Name] > 1 {
			v.Name += strings.Repeat("'", seen[v.Name]-1)
		}
		if !json.Valid(v.Frame) {
			t.Fatalf("%s is not JSON: %s", v.Name, v.Frame)
		}
	}
	var got bytes.Buffer
	encoder := json.NewEncoder(&got)
	encoder.SetEscapeHTML(false)
	for i, v := range vectors {
		got.WriteString([]string{"[", ","}[min(i, 1)])
		if err := encoder.Encode(v); err != nil { // ends the line, keeps the frame's bytes
			t.Fatal(err)
		}
	}
	got.WriteString("]\n")
	if *rewrite {
		if err := os.WriteFile("testdata/vectors.json", got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the encoding of a message has changed: go test ./protocol -rewrite, and look at git diff. Got:\n%s", got.Bytes())
	}
}

// typeIn is the type of a frame.
func typeIn(t *testing.T, frame []byte) string {
	t.Helper()
	var m struct{ Type string }
	if err := json.Unmarshal(frame, &m); err != nil {
		t.Fatalf("%v: %s", err, frame)
	}
	return m.Type
}

// Every type has a row with a struct that encodes it, and an example, so that none is left out
// above.
func TestUnionsAreWhole(t *testing.T) {
	examples := map[string]bool{}
	for _, m := range clientExamples {
		examples[typeIn(t, m.Append(nil))] = true
	}
	for typ := Type(1); typ < Types; typ++ {
		name := typ.String()
		if name == "" || messages[typ] == nil {
			t.Errorf("type %d has no row, or its row no name, or it has no struct", typ)
			continue
		}
		if got := typeOf([]byte(name)); got != typ {
			t.Errorf("%s is taken for %q", name, got)
		}
		if got := typeIn(t, messages[typ].Append(nil)); got != name {
			t.Errorf("the struct of %s encodes %s", name, got)
		}
		if !examples[name] {
			t.Errorf("%s has no example", name)
		}
	}
	if n := len(SignalingMessages()) + len(SyncMessages()); n != int(Types)-1 {
		t.Errorf("%d messages are in a union, of %d", n, Types-1)
	}
	if Types.String() != "" || Type(0).String() != "" {
		t.Error("what is no type has a name")
	}
	responses := map[string]bool{}
	for _, m := range serverExamples() {
		responses[m.ResponseType()] = true
	}
	for _, m := range ResponseMessages() {
		if !responses[m.ResponseType()] {
			t.Errorf("%s has no example", m.ResponseType())
		}
		if !json.Valid(m.Append(nil)) {
			t.Errorf("a zero %s is not JSON", m.ResponseType())
		}
	}
	if len(responses) != len(ResponseMessages()) {
		t.Error("ResponseMessages leaves some out")
	}
}

// What Append writes, Decode reads.
func TestDecodeReadsWhatAppendWrites(t *testing.T) {
	for _, m := range clientExamples {
		frame := m.Append(nil)
		got, err := Decode(frame)
		if err != nil || got.Type.String() != typeIn(t, frame) {
			t.Errorf("%s decodes to %v, %v", frame, got.Type, err)
		}
	}
	check := func(m ClientMessage, ok func(Message) bool) {
		t.Helper()
		if got, err := Decode(m.Append(nil)); err != nil || !ok(got) {
			t.Errorf("%s decodes to %+v, %v", m.Append(nil), got, err)
		}
	}
	check(clientExamples[0], func(m Message) bool {
		return string(m.RoomID) == base.RoomID && string(m.UserID) == base.UserID && m.UserName == "Ann" && m.RoomName == "Film night" && m.Protocol == 1 && m.ResumeToken == nil
	})
	check(clientExamples[2], func(m Message) bool {
		return m.UserName == "Ann \"A\" \u2028 é 😀 \n" && string(m.ResumeToken) == "AAECAwQFBgcICQoLDA0ODw"
	})
	check(SetDoorMessage{base, DoorSettings{"LOCKED", &passcodeExample, 8, &isListed}, ""}, func(m Message) bool {
		d := m.Door
		return d.HasEntry && d.Entry == EntryLocked && string(d.Passcode) == passcodeExample && d.MaxPeople == 8 && d.HasListed && d.Listed && m.Passcode == nil
	})
	check(SetDoorMessage{base, DoorSettings{Passcode: new(string)}, ""}, func(m Message) bool { return m.Door.NoPasscode && m.Door.Passcode == nil && !m.Door.HasEntry })
	check(SetDoorMessage{BaseSignalingMessage: base}, func(m Message) bool { return m.Door == nil })
	check(CreateRoomMessage{BaseSignalingMessage: base, UserName: "A", Passcode: "abcd", KnockToken: "t", Door: &DoorSettings{MaxPeople: 3}}, func(m Message) bool {
		return string(m.Passcode) == "abcd" && string(m.KnockToken) == "t" && m.Door.MaxPeople == 3 && m.Door.Passcode == nil
	})
	check(RenameRoomMessage{base, "r", "4"}, func(m Message) bool { return m.RoomName == "r" && m.UserName == "" && string(m.Ref) == "4" })
	check(RenameUserMessage{base, "u", ""}, func(m Message) bool { return m.UserName == "u" && m.Ref == nil })
	check(TransferHostMessage{base, "bob", ""}, func(m Message) bool { return string(m.TargetUserID) == "bob" })
	check(SetRoleMessage{base, "bob", "COHOST", ""}, func(m Message) bool { return string(m.TargetUserID) == "bob" && m.Role == Cohost })
	check(KickUserMessage{base, "bob", true, "why", ""}, func(m Message) bool { return m.Ban && m.Reason == "why" })
	check(SetRoleMessage{base, "bob", "GUEST", ""}, func(m Message) bool { return m.Role == Guest })
	check(HostStateUpdateMessage{syncBase, "PLAYING", 62.5, "x"}, func(m Message) bool {
		return m.Playback == Play && m.HasTime && m.Time == 62.5 && m.URL == "x" && m.RoomID == nil
	})
	check(HostStateUpdateMessage{syncBase, "PAUSED", 1, ""}, func(m Message) bool { return m.Playback == Pause && m.URL == "" })
	check(UnifiedSyncMessage{syncBase, "SEEK", 1, "x"}, func(m Message) bool { return m.Playback == Seek })
	check(ControlModeChangeMessage{syncBase, "FREE_FOR_ALL"}, func(m Message) bool { return m.Mode == FreeForAll })
	check(ControlModeChangeMessage{syncBase, "HOST_ONLY"}, func(m Message) bool { return m.Mode == HostOnly })
	check(PlaybackMessage{syncBase, DirectPause, nil}, func(m Message) bool { return m.Playback == Pause && !m.HasTime })
}

func TestTablesAreSound(t *testing.T) {
	codes := map[Code]bool{}
	for _, row := range Codes {
		if codes[row.Code] || row.Error == "" || row.Meaning == "" {
			t.Errorf("row %+v is double or lacks a text", row)
		}
		codes[row.Code] = true
		if _, ok := row.Close.Lookup(); row.Close != 0 && !ok {
			t.Errorf("%s closes with %d, which has no row", row.Code, row.Close)
		}
	}
	closes := map[CloseCode]bool{}
	for _, row := range Closings {
		if closes[row.Code] || row.Meaning == "" {
			t.Errorf("row %+v is double or lacks a text", row)
		}
		closes[row.Code] = true
	}
	// Legacy clients recognize a missing room by this exact sentence.
	if CodeRoomNotFound.Lookup().Error != "Room not found" {
		t.Error("a legacy client would not create a room from a link")
	}
	defer func() {
		if recover() == nil {
			t.Error("an unknown code has a row")
		}
	}()
	Code("NONE").Lookup()
}

func TestAppendReplacesWhatIsNotUTF8(t *testing.T) {
	if got := string(appendQuoted(nil, "a\xffb")); got != `"a`+"\ufffd"+`b"` {
		t.Errorf("got %s", got)
	}
}
