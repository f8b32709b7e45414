package flight

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"usher/protocol"
	"usher/room"
)

// recorder records one room.
type recorder struct {
	t      *testing.T
	config room.Config
	budget *Budget
	ring   *Ring
	room   *room.Room
	nowMs  int64
}

func newRecorder(t *testing.T) *recorder {
	r := &recorder{t: t, config: room.DefaultConfig(), budget: NewBudget(1<<20, [32]byte{7}), nowMs: 1_700_000_000_000}
	r.room = room.New(&r.config, "our-secret-club")
	return r
}

func (r *recorder) step(event room.Event) []room.Effect {
	r.ring = r.ring.Before(r.budget, r.room, r.nowMs, &event)
	effects := r.room.Step(r.nowMs, event, nil)
	r.ring.After(r.nowMs, &event, effects)
	r.nowMs += 250
	return effects
}

func (r *recorder) say(conn room.ConnID, frame string) []room.Effect {
	message, err := protocol.Decode([]byte(frame))
	event := room.Event{Kind: room.Received, Conn: conn, Frame: []byte(frame), Message: &message, Err: err}
	if err == nil && message.Type.Seats() {
		event.Secret, event.OwnerSecret = secretOf(byte(conn)), secretOf(byte(conn)+100)
	}
	return r.step(event)
}

func secretOf(b byte) (s [protocol.TokenBytes]byte) {
	copy(s[:], bytes.Repeat([]byte{b, 0xa5}, 8))
	return s
}

func (r *recorder) recording() (*Recording, []byte) {
	r.t.Helper()
	dump, err := r.ring.Dump(Header{Version: "v1", Cause: "operator", RoomID: r.room.ID()}, &r.config)
	if err != nil {
		r.t.Fatal(err)
	}
	recording, err := Read(bytes.NewReader(dump))
	if err != nil {
		r.t.Fatal(err)
	}
	return recording, dump
}

// film is a run in which all that is private is in frames.
func (r *recorder) film() (private []string) {
	token := base64.RawURLEncoding.EncodeToString(func() []byte { s := secretOf(1); return s[:] }())
	for conn, address := range []uint64{0x1122334455667788, 0x99aabbccddeeff00, 0x99aabbccddeeff00} {
		r.step(room.Event{Kind: room.Connected, Conn: room.ConnID(conn + 1), Address: address})
	}
	r.say(1, `{"type":"CREATE_ROOM","roomId":"our-secret-club","userId":"zoe-lives-in-berlin","userName":"Zoë Größe 李雷 🦊","roomName":"Élysée night","protocol":1,"keepMs":900000,"ref":"ref-of-zoe"}`)
	r.say(2, `{"type":"JOIN_ROOM","roomId":"our-secret-club","userId":"adam@","userName":"Adam"}`)
	r.say(2, `{"type":"JOIN_ROOM","roomId":"our-secret-club","userId":"adam-of-oslo","userName":"Adam \"the\" Viking","protocol":1}`)
	r.say(1, `{"type":"WEBRTC_OFFER","roomId":"our-secret-club","userId":"zoe-lives-in-berlin","targetUserId":"adam-of-oslo","offer":{"type":"offer","sdp":"v=0\r\na=candidate:1 1 udp 2130706431 198.51.100.77 54321 typ host"}}`)
	r.say(2, `{"type":"UNIFIED_SYNC","userId":"adam-of-oslo","action":"PLAY","time":12.5,"videoUrl":"https://films.example/private?v=1"}`)
	r.say(1, `{"type":"UNIFIED_SYNC","userId":"zoe-lives-in-berlin","action":"PLAY","time":12.5,"videoUrl":"https://films.example/private?v=1"}`)
	r.step(room.Event{Kind: room.Disconnected, Conn: 1, CloseCode: 1006})
	r.say(2, `{"type":"WEBRTC_ICE_CANDIDATE","roomId":"our-secret-club","userId":"adam-of-oslo","targetUserId":"zoe-lives-in-berlin","candidate":{"candidate":"candidate:1 1 udp 1 203.0.113.9 9 typ host"}}`)
	r.say(3, `{"type":"JOIN_ROOM","roomId":"our-secret-club","userId":"zoe-lives-in-berlin","userName":"Zoë","protocol":1,"resumeToken":"`+token+`"}`)
	r.say(3, `{"type":"SET_DOOR","roomId":"our-secret-club","userId":"zoe-lives-in-berlin","passcode":"open sesame"}`)
	r.say(3, `{"type":"KICK_USER","roomId":"our-secret-club","userId":"zoe-lives-in-berlin","targetUserId":"adam-of-oslo","reason":"sings too loudly","ban":true}`)
	return []string{
		"our-secret-club", "zoe-lives", "berlin", "Zoë", "Größe", "李雷", "🦊", "lysée", "ref-of-zoe", "adam", "Adam", "Viking", "198.51.100.77", "54321",
		"203.0.113.9", "films.example", "private", token, "sesame", "loudly", "candidate:1",
		"1234605616436508552", "11072869122834071296", // the addresses
	}
}

// TestDumpHasPlaceholders looks for everything private, as text and in the bytes of the snapshot.
func TestDumpHasPlaceholders(t *testing.T) {
	r := newRecorder(t)
	private := r.film()
	check := func() {
		t.Helper()
		recording, dump := r.recording()
		places := map[string]string{"file": string(dump), "snapshot": string(recording.Header.Start.Snapshot)}
		for _, a := range recording.Header.Start.Attachments {
			places["attachment"] += string(a.Bytes)
		}
		for place, content := range places {
			for _, text := range private {
				if strings.Contains(content, text) {
					t.Errorf("the %s has %q", place, text)
				}
			}
			for b := range byte(110) {
				secret := secretOf(b)
				hash := sha256.Sum256(secret[:])
				if strings.Contains(content, string(secret[:])) || strings.Contains(content, string(hash[:])) {
					t.Errorf("the %s has the secret %d or its hash", place, b)
				}
			}
		}
		list, err := Replay(recording)
		if err != nil {
			t.Fatal(err)
		}
		if i := Difference(list); i >= 0 {
			t.Errorf("event %d differs: %+v\nwas %s\nis  %s", i, list[i].Message, Describe(list[i].Effects), Describe(list[i].Now))
		}
	}
	check()
	r.ring.Free() // a ring that begins now has all of it in its checkpoint
	r.ring = nil
	r.say(3, `{"type":"LIST_BANS","roomId":"our-secret-club","userId":"zoe-lives-in-berlin"}`)
	check()
}

// TestPlaceholdersKeepLengthAndOrder is what decisions of the core may depend on.
func TestPlaceholdersKeepLengthAndOrder(t *testing.T) {
	ids := []string{"", "a", "b", "ab", "abc", "B", "u-1", "u.1", "u:1", "zoe", "zoe1", "zoe2"}
	var tree idTree
	for _, id := range ids {
		tree.add(id)
	}
	tree.settle(userLetters)
	for _, a := range ids {
		for _, b := range ids {
			x, y := tree.placeholder(a), tree.placeholder(b)
			if len(x) != len(a) || strings.Compare(x, y) != strings.Compare(a, b) {
				t.Errorf("%q and %q are %q and %q", a, b, x, y)
			}
		}
	}
}
