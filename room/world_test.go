package room

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"usher/protocol"
)

// world is a room with a pretend shell around it, for generated events.
type world struct {
	config Config
	room   *Room
	nowMs  int64
	open   map[ConnID]bool
	last   ConnID
	log    strings.Builder

	// short lets Relay handle the frames it accepts. evict drops the room after every step and
	// wakes it from what is kept.
	short   bool
	relayed int // by Relay
	// chatty makes three of four events relays between seats, and time pass slowly.
	chatty  bool
	evict   bool
	alarmMs int64
	// hashes are the passcodes that are being hashed.
	hashes      []Event
	snapshot    []byte
	attachments map[ConnID][]byte
	// exists and creator are as Created and Ended have it, and standings as Stands has them.
	exists    bool
	creator   uint64
	standings map[ConnID]Standing
	told      told
	// watch is called around each Step, nil for nobody.
	watch Watch
}

func newWorld() *world {
	w := &world{config: DefaultConfig(), nowMs: 1_000_000, open: map[ConnID]bool{}, attachments: map[ConnID][]byte{}, standings: map[ConnID]Standing{}}
	w.config.MaxPeople, w.config.MessageBurst, w.config.RoomIdleMs = 4, 60, 600_000
	w.config.ICERenewMs, w.config.Report, w.config.Hibernates = 70_000, true, true
	w.room = New(&w.config, "room-1")
	return w
}

// fault is what a step did wrong, "" for nothing.
func (w *world) step(event Event) (fault string) {
	switch event.Kind {
	case Connected:
		w.last++
		event.Conn = w.last
		w.open[w.last] = true
	case Disconnected:
		delete(w.open, event.Conn)
		delete(w.attachments, event.Conn)
		delete(w.standings, event.Conn)
	}
	if event.Kind == AlarmFired {
		w.alarmMs = 0
	}
	if relay := new(protocol.Relay); w.short && event.Kind == Received && protocol.DecodeRelay(event.Frame, relay) {
		if to := w.room.Relay(w.nowMs, event.Conn, relay, len(event.Frame)); to != 0 {
			w.relayed++
			fmt.Fprintf(&w.log, "%d %d %d %d %d %s %s\n", w.nowMs, Forward, to, 0, 0, "", "")
			return w.checkSnapshot()
		}
	}
	existed, saved, mustSave := w.exists, false, false
	for _, e := range w.stepRoom(&event) {
		if e.Kind == Hash {
			w.hashes = append(w.hashes, hashed(event, e.Hash))
		}
		fmt.Fprintf(&w.log, "%d %d %d %d %d %s %s\n", w.nowMs, e.Kind, e.Conn, e.Code, e.AtMs, e.Frame, e.Refusal)
		saved = saved || e.Kind == Save || e.Kind == Delete
		if bytes.Contains(e.Frame, []byte(`"type":"ROOM_CREATED"`)) && !existed && !saved {
			return "ROOM_CREATED before Save"
		}
		if fault := w.perform(e); fault != "" {
			return fault
		}
		mustSave = mustSave || e.Kind == Report && changesWho(e.Occurrence.Kind)
	}
	if mustSave && !saved {
		return "what is reported is not stored"
	}
	if broken := w.room.Check(); broken != "" {
		return broken + " is broken"
	}
	if fault := w.checkReports(); fault != "" {
		return fault
	}
	if fault := w.told.check(w.room); fault != "" {
		return fault
	}
	if w.evict {
		return w.wake()
	}
	return w.checkSnapshot()
}

// perform does what an effect says, and returns what is wrong with it, "" for nothing.
func (w *world) perform(e Effect) (fault string) {
	switch e.Kind {
	case Send, Forward:
		if !w.open[e.Conn] {
			return fmt.Sprintf("effect %d for connection %d, which is closed", e.Kind, e.Conn)
		}
	case Close:
		if !w.open[e.Conn] {
			return fmt.Sprintf("connection %d is closed twice", e.Conn)
		}
		delete(w.open, e.Conn)
		delete(w.attachments, e.Conn)
		delete(w.standings, e.Conn)
	case Save, SaveLater:
		if !w.room.Exists() {
			return "there is no room to save"
		}
		w.snapshot = w.room.AppendSnapshot(nil)
	case Delete:
		w.snapshot = nil
	case Created, Ended:
		if w.exists == (e.Kind == Created) || w.exists && w.creator != e.Address {
			return fmt.Sprintf("effect %d for %d in a room whose existence is %t, by %d", e.Kind, e.Address, w.exists, w.creator)
		}
		w.exists, w.creator = !w.exists, e.Address
	case Stands:
		if w.standings[e.Conn] == e.Standing {
			return fmt.Sprintf("standing %d of connection %d is reported twice", e.Standing, e.Conn)
		}
		w.standings[e.Conn] = e.Standing
	case SetAlarm:
		w.alarmMs = e.AtMs
	case Attach:
		w.attachments[e.Conn] = w.room.AppendAttachment(nil, e.Conn)
	case Report:
		if fault := w.told.hear(w.nowMs, e.Occurrence); fault != "" {
			return fmt.Sprintf("%s is reported: %s", e.Occurrence.Kind, fault)
		}
	}
	return ""
}

// checkReports compares what Created, Ended and Stands reported with the room.
func (w *world) checkReports() string {
	if w.room.Exists() != w.exists || w.exists && w.room.Creator() != w.creator {
		return fmt.Sprintf("the room exists: %t, by %d, and not: %t, by %d", w.room.Exists(), w.room.Creator(), w.exists, w.creator)
	}
	for id := range w.open {
		standing := Unseated
		if c := w.room.connOf(id); c != nil {
			standing = c.standing()
		}
		if standing != w.standings[id] {
			return fmt.Sprintf("connection %d has standing %d, and %d was reported", id, standing, w.standings[id])
		}
	}
	return ""
}

// wake makes the room again of what is kept, which nobody may notice.
func (w *world) wake() string {
	var attachments []Attachment
	for _, id := range slices.Sorted(maps.Keys(w.attachments)) {
		attachments = append(attachments, Attachment{id, w.attachments[id], secretOf(id)})
	}
	var err error
	if w.room, err = Wake(&w.config, "room-1", w.snapshot, w.alarmMs, attachments); err != nil {
		return err.Error()
	}
	if effects := w.room.Step(w.nowMs, Event{Kind: Woken}, nil); len(effects) > 0 {
		return fmt.Sprintf("waking the room has effects: %+v", effects)
	}
	if broken := w.room.Check(); broken != "" {
		return broken + " is broken after waking"
	}
	return ""
}

func (w *world) checkSnapshot() string {
	if !w.room.Exists() {
		return ""
	}
	snapshot := w.room.AppendSnapshot(nil)
	restored, err := Restore(&w.config, "room-1", snapshot)
	if err != nil {
		return err.Error()
	}
	if again := restored.AppendSnapshot(nil); !bytes.Equal(snapshot, again) {
		return fmt.Sprintf("snapshot %x is %x after Restore", snapshot, again)
	}
	return ""
}

// frames that a generated client may send, about users u0 to u4.
var templates = append([]string{
	`{"type":"CREATE_ROOM","roomId":"room-1","userId":"u%d","userName":"n","protocol":1}`,
	`{"type":"CREATE_ROOM","roomId":"room-1","userId":"u%d","userName":"n"}`,
	`{"type":"JOIN_ROOM","roomId":"room-1","userId":"u%d","userName":"n"}`,
	`{"type":"JOIN_ROOM","roomId":"room-1","userId":"u%d","userName":"n"}`,
	`{"type":"JOIN_ROOM","roomId":"room-1","userId":"u%d","userName":"n","protocol":1,"resumeToken":"AQAAAAAAAAAAAAAAAAAAAA"}`,
	`{"type":"JOIN_ROOM","roomId":"room-2","userId":"u%d","userName":"n"}`,
	`{"type":"LEAVE_ROOM","roomId":"room-1","userId":"u%d"}`,
	`{"type":"RENAME_ROOM","roomId":"room-1","userId":"u%d","newRoomName":"r"}`,
	`{"type":"RENAME_USER","roomId":"room-1","userId":"u%d","newUserName":"m"}`,
	`{"type":"TRANSFER_HOST","roomId":"room-1","userId":"u%d","targetUserId":"u1"}`,
	`{"type":"WEBRTC_OFFER","roomId":"room-1","userId":"u%d","targetUserId":"u1","offer":{}}`,
	`{"type":"WEBRTC_ICE_CANDIDATE","roomId":"room-1","userId":"u%d","targetUserId":"u2","candidate":{}}`,
	`{"type":"CONTROL_MODE_CHANGE","userId":"u%d","mode":"FREE_FOR_ALL"}`,
	`{"type":"HOST_STATE_UPDATE","userId":"u%d","state":"PLAYING","time":12.5,"hostVideoUrl":"https://example.org"}`,
	`{"type":"UNIFIED_SYNC","userId":"u%d","action":"SEEK","time":1,"videoUrl":"u"}`,
	`{"type":"CLIENT_REQUEST_PAUSE","userId":"u%d"}`,
	`{"type":"HOST_NAVIGATE","userId":"u%d","url":"https://example.org/2"}`,
	`{"type":"PING"}`, `{"type":"PONG"}`, `nonsense`, "\xff",
	`{"type":"SET_ROLE","roomId":"room-1","userId":"u%d","targetUserId":"u1","role":"COHOST"}`,
	`{"type":"SET_ROLE","roomId":"room-1","userId":"u%d","targetUserId":"u2","role":"VIEWER"}`,
	`{"type":"KICK_USER","roomId":"room-1","userId":"u%d","targetUserId":"u1","reason":"r"}`,
	`{"type":"KICK_USER","roomId":"room-1","userId":"u%d","targetUserId":"u2","ban":true}`,
	`{"type":"UNBAN_USER","roomId":"room-1","userId":"u%d","targetUserId":"u2"}`,
	`{"type":"CREATE_ROOM","roomId":"room-1","userId":"u%d","userName":"n","protocol":1,"keepMs":900000}`,
	`{"type":"JOIN_ROOM","roomId":"room-1","userId":"u%d","userName":"n","protocol":1,"ownerToken":"6QMAAAAAAAAAAAAAAAAAAA"}`,
	`{"type":"JOIN_ROOM","roomId":"room-1","userId":"u%d","userName":"n","ownerToken":"6QMAAAAAAAAAAAAAAAAAAA"}`,
	`{"type":"LIST_BANS","roomId":"room-1","userId":"u%d"}`,
	`{"type":"RENEW_AUTH","roomId":"room-1","userId":"u%d","token":"t"}`,
	`{"type":"CREATE_ROOM","roomId":"room-1","userId":"u%d","userName":"n","protocol":1,"iceTransportPolicy":"relay"}`,
	`{"type":"WEBRTC_OFFER","roomId":"room-1","userId":"u%d","targetUserId":"u1","offer":{"sdp":"a=candidate:1"}}`,
}, append(pathTemplates, doorTemplates...)...)

// relays are frames from one to another.
var relays = []string{
	`{"type":"WEBRTC_OFFER","roomId":"room-1","userId":"%s","targetUserId":"%s","offer":{}}`,
	`{"type":"WEBRTC_ANSWER","roomId":"room-1","userId":"%s","targetUserId":"%s","answer":{}}`,
	`{"type":"WEBRTC_ICE_CANDIDATE","roomId":"room-1","userId":"%s","targetUserId":"%s","candidate":{}}`,
}

func received(conn ConnID, frame string) Event {
	message, err := protocol.Decode([]byte(frame))
	return Event{Kind: Received, Conn: conn, Frame: []byte(frame), Message: &message, Err: err, Secret: secretOf(conn), OwnerSecret: secretOf(conn + 1000)}
}

// event makes an event of four bytes.
func (w *world) event(b [4]byte) Event {
	conn := w.last - ConnID(b[1]%6)
	if w.chatty {
		if seats := w.room.seats; len(seats) > 0 && b[0] >= 64 {
			from, to := seats[int(b[1])%len(seats)], seats[int(b[3])%len(seats)]
			if from.conn != nil {
				return received(from.conn.id, fmt.Sprintf(relays[int(b[2])%len(relays)], from.id, to.id))
			}
		}
		if b[0]%14 == 3 {
			w.nowMs += int64(b[2]) * 16
			return Event{Kind: AlarmFired}
		}
	}
	switch b[0] % 15 {
	case 14:
		return w.hashEvent(b[1])
	case 0, 1:
		return Event{Kind: Connected, Address: uint64(b[1] % 2), Identity: w.identity(b[2], b[3])}
	case 2:
		return Event{Kind: Disconnected, Conn: conn, CloseCode: [4]protocol.CloseCode{1000, 1001, 1006, 4000}[b[2]%4]}
	case 3:
		w.nowMs += int64(b[2]) * attachEveryMs // less could be forgotten by an eviction
		return Event{Kind: AlarmFired, Refuse: [8]protocol.Code{7: protocol.CodeStorageUnavailable}[b[3]%8]}
	case 4:
		if b[2] >= 192 {
			return w.operatorEvent(b[2], b[3])
		}
		return Event{Kind: ReceivedBinary, Conn: conn}
	case 12:
		w.nowMs += int64(b[2]) * attachEveryMs
		return Event{Kind: Paused, AtMs: int64(b[2]) * attachEveryMs}
	case 13:
		if who := w.identity(b[2], b[3]); who != nil {
			return Event{Kind: Verified, Conn: conn, Verdict: &Verdict{Identity: who, Ref: "r"}}
		}
		if b[2]%2 == 1 {
			return Event{Kind: Renewed, Conn: conn, Frame: []byte(`{"type":"ICE_SERVERS"}`)[:b[3]%23]}
		}
		return Event{Kind: Exceeded, Conn: conn}
	}
	frame := templates[int(b[2])%len(templates)]
	if strings.Contains(frame, "%d") {
		frame = fmt.Sprintf(frame, b[3]%5)
	}
	event := received(conn, frame)
	switch b[1] / 16 {
	case 15:
		event.Refuse = protocol.CodeStorageUnavailable
	case 14:
		event.RefuseSeat = protocol.CodeRateLimited
	case 13:
		event.RefuseCreate = protocol.CodeTooManyRooms
	}
	return event
}

// identity makes an identity of two bytes: none, or that of a token, a ticket or an invite.
func (w *world) identity(kind, b byte) *Identity {
	if kind < 128 {
		return nil
	}
	who := &Identity{Role: protocol.Role(kind % 4), HasRole: kind&4 != 0, MayCreate: kind&8 != 0}
	if who.Invited = kind&16 != 0; who.Invited {
		who.RoomSinceMs = w.room.createdAtMs
	} else {
		who.UserID, who.ExpiresAtMs = fmt.Sprintf("u%d", b%5), w.nowMs+int64(b)*attachEveryMs
	}
	if who.Invited || kind&32 != 0 {
		who.EnterUntilMs = w.nowMs + 30_000
	}
	if kind&32 != 0 {
		who.Once[0] = b%3 + 1
	}
	return who
}

func run(script []byte) (w *world, fault string) { return newWorld().run(script) }

func (w *world) run(script []byte) (_ *world, fault string) {
	for i := 0; len(script) >= 4; i, script = i+1, script[4:] {
		if fault := w.step(w.event([4]byte(script))); fault != "" {
			return w, fmt.Sprintf("step %d: %s", i, fault)
		}
	}
	return w, ""
}

// whenEvicted repeats the script of the world with an eviction after every step, and returns the
// first difference between the effects.
func (w *world) whenEvicted(script []byte) string {
	evicting := newWorld()
	evicting.evict = true
	return w.compare(evicting, script)
}

// compare runs the script in another world, and says where that has other effects.
func (w *world) compare(other *world, script []byte) string {
	if _, fault := other.run(script); fault != "" {
		return fmt.Sprintf("%s\n%s", fault, other.log.String())
	}
	return firstDifference(w.log.String(), other.log.String())
}

// firstDifference shows where the second log departs from the first, "" for nowhere.
func firstDifference(want, got string) string {
	wanted, gotten := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(wanted), len(gotten)) {
		if wanted[i] != gotten[i] {
			return fmt.Sprintf("effect %d is\n%s\nand not\n%s\nafter\n%s", i, gotten[i], wanted[i], strings.Join(wanted[max(0, i-5):i], "\n"))
		}
	}
	if len(wanted) != len(gotten) {
		return fmt.Sprintf("there are %d effects and not %d", len(gotten), len(wanted))
	}
	return ""
}

// twoPeople is the script by which connection 1 becomes u0 and 2 becomes u1.
var twoPeople = []byte{0, 0, 0, 0, 5, 0, 1, 0, 0, 0, 0, 0, 5, 0, 2, 1}

// offerFromFirst is an offer from connection 1 of a seatedPair to connection 2.
func offerFromFirst() Event { return received(1, fmt.Sprintf(relays[0], "u0", "u1")) }

// seatedPair returns a world in which connection 1 is u0 and 2 is u1.
func seatedPair(t testing.TB) *world {
	w, fault := run(twoPeople)
	if fault != "" || w.room.People() != 2 {
		t.Fatal("no two people", fault)
	}
	w.config.MessagesPerSecond, w.config.MessageBurst, w.config.BytesPerSecond, w.config.ByteBurst = 1e9, 1e9, 1e9, 1e9
	w.config.OutputPerSecond, w.config.OutputBurst = 1e9, 1e9
	return w
}
