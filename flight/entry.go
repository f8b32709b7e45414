package flight

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"usher/protocol"
	"usher/room"
)

// Format is the version of the file's format.
const Format = 1

// Header is the first line of a dump.
type Header struct {
	// Flight is the Format.
	Flight int `json:"flight"`
	// Version is that of the usher that wrote it.
	Version string `json:"version"`
	// Cause says why: "operator", or why the room was given up.
	Cause string `json:"cause"`
	// AtMs is when it was written.
	AtMs   int64           `json:"atMs"`
	RoomID string          `json:"roomId"`
	Config room.Config     `json:"config"`
	Start  room.Checkpoint `json:"start"`
}

// Entry is an event and what the room did.
type Entry struct {
	AtMs int64  `json:"atMs"`
	Kind string `json:"kind"`
	Conn uint64 `json:"conn,omitzero"`
	// Size is that of the received frame.
	Size int `json:"size,omitzero"`
	// TypeFirst is set if the frame begins with its type, as that of most clients does.
	TypeFirst bool     `json:"typeFirst,omitzero"`
	Message   *Message `json:"message,omitzero"`
	// Refused is why the frame is no message.
	Refused *Refused `json:"refused,omitzero"`

	Address     uint64                     `json:"address,omitzero"`
	Secret      *[protocol.TokenBytes]byte `json:"secret,omitzero"`
	OwnerSecret *[protocol.TokenBytes]byte `json:"ownerSecret,omitzero"`
	Identity    *room.Identity             `json:"identity,omitzero"`
	Verdict     *room.Verdict              `json:"verdict,omitzero"`
	Arrangement *room.Arrangement          `json:"arrangement,omitzero"`
	Act         *room.Act                  `json:"act,omitzero"`
	Hash        *room.HashResult           `json:"hash,omitzero"`
	CloseCode   protocol.CloseCode         `json:"closeCode,omitzero"`
	// EventMs is the event's AtMs.
	EventMs       int64         `json:"eventMs,omitzero"`
	Refuse        protocol.Code `json:"refuse,omitzero"`
	RefuseCreate  protocol.Code `json:"refuseCreate,omitzero"`
	RefuseSeat    protocol.Code `json:"refuseSeat,omitzero"`
	HoldsComplete bool          `json:"holdsComplete,omitzero"`

	Effects []Effect `json:"effects,omitzero"`
	// Panicked: the core did not return.
	Panicked bool `json:"panicked,omitzero"`
}

// Message is what the core may read of a message.
type Message struct {
	Type         string              `json:"type"`
	Ref          string              `json:"ref,omitzero"`
	RoomID       *string             `json:"roomId,omitzero"`
	UserID       string              `json:"userId,omitzero"`
	TargetUserID *string             `json:"targetUserId,omitzero"`
	UserName     string              `json:"userName,omitzero"`
	RoomName     string              `json:"roomName,omitzero"`
	RelayOnly    bool                `json:"relayOnly,omitzero"`
	ResumeToken  *string             `json:"resumeToken,omitzero"`
	OwnerToken   *string             `json:"ownerToken,omitzero"`
	KnockToken   *string             `json:"knockToken,omitzero"`
	Passcode     *string             `json:"passcode,omitzero"`
	Token        *string             `json:"token,omitzero"`
	Invite       *string             `json:"invite,omitzero"`
	PathReport   protocol.PathReport `json:"pathReport,omitzero"`
	KeepMs       int64               `json:"keepMs,omitzero"`
	Protocol     int                 `json:"protocol,omitzero"`
	// ShowsAddress is set if protocol.RelayOnly says no.
	ShowsAddress bool                 `json:"showsAddress,omitzero"`
	Role         protocol.Role        `json:"role,omitzero"`
	Door         *protocol.DoorChange `json:"door,omitzero"`
	Ban          bool                 `json:"ban,omitzero"`
	Reason       string               `json:"reason,omitzero"`
	Mode         protocol.ControlMode `json:"mode,omitzero"`
	Playback     protocol.Playback    `json:"playback,omitzero"`
	Time         float64              `json:"time,omitzero"`
	HasTime      bool                 `json:"hasTime,omitzero"`
	URL          string               `json:"url,omitzero"`
}

// Refused is a protocol.DecodeError.
type Refused struct {
	Code    protocol.Code `json:"code"`
	Details string        `json:"details,omitzero"`
}

// Effect is one effect, or the same one for several connections.
type Effect struct {
	Do      string             `json:"do"`
	To      []uint64           `json:"to,omitzero"`
	Type    string             `json:"type,omitzero"`
	Size    int                `json:"size,omitzero"`
	Code    protocol.CloseCode `json:"code,omitzero"`
	Refusal protocol.Code      `json:"refusal,omitzero"`
	AtMs    int64              `json:"atMs,omitzero"`
}

var kinds = [...]string{
	room.Connected: "connected", room.Received: "received", room.ReceivedBinary: "binary", room.Seen: "seen",
	room.Exceeded: "exceeded", room.Disconnected: "disconnected", room.AlarmFired: "alarm", room.Restored: "restored",
	room.Woken: "woken", room.Answered: "answered", room.Paused: "paused", room.Verified: "verified",
	room.Arranged: "arranged", room.Renewed: "renewed", room.Hashed: "hashed", room.Operated: "operated",
}

// kindOf is the kind of that name, 0 if there is none.
func kindOf(name string) room.EventKind {
	for kind, known := range kinds {
		if known == name && name != "" {
			return room.EventKind(kind)
		}
	}
	return 0
}

var deeds = [...]string{
	room.Send: "send", room.Forward: "forward", room.Close: "close", room.Save: "save", room.SaveLater: "save later",
	room.Delete: "delete", room.SetAlarm: "alarm", room.Ping: "ping", room.Verify: "verify", room.Hash: "hash",
	room.Created: "created", room.Ended: "ended", room.Stands: "stands", room.Refused: "refused", room.Bounced: "bounced",
	room.SeatTaken: "seat taken", room.SeatExpired: "seat expired", room.Renew: "renew", room.SeatEnded: "seat ended",
	room.Report: "report", room.Acted: "acted", room.Explained: "explained",
}

// effectsOf describes what a Step has done. Attach is left out: it depends on when the shell last
// kept what.
func effectsOf(effects []room.Effect) []Effect {
	return new(scratch).effectsOf(effects)
}

// scratch is memory for effects that are written down at once. All of their connections are in one
// slice, of which each effect has a part.
type scratch struct {
	effects []Effect
	to      []uint64
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func (s *scratch) effectsOf(effects []room.Effect) []Effect {
	list, to := s.effects[:0], slices.Grow(s.to[:0], len(effects))
	for i := range effects {
		e := &effects[i]
		if int(e.Kind) >= len(deeds) || deeds[e.Kind] == "" {
			continue
		}
		did := Effect{Do: deeds[e.Kind], Size: len(e.Frame), Code: e.Code, Refusal: e.Refusal, AtMs: e.AtMs}
		switch e.Kind {
		case room.Send:
			did.Type = typeOf(e.Frame)
		case room.Report:
			did.Type = e.Occurrence.Kind.String()
		case room.Refused, room.Bounced:
			did.Type = e.Type.String()
		}
		if e.Conn != 0 {
			to = append(to, uint64(e.Conn))
			if n := len(list); n > 0 && list[n-1].sameBut(&did) {
				list[n-1].To = to[len(to)-len(list[n-1].To)-1:]
				continue
			}
			did.To = to[len(to)-1:]
		}
		list = append(list, did)
	}
	if s.effects, s.to = list, to; len(list) == 0 {
		return nil
	}
	return list
}

// release lets others use the scratch, which keeps no texts.
func (s *scratch) release() {
	clear(s.effects)
	scratches.Put(s)
}

// sameBut reports whether both are the same but for their connections.
func (e *Effect) sameBut(o *Effect) bool {
	return len(e.To) > 0 && e.Do == o.Do && e.Type == o.Type && e.Size == o.Size && e.Code == o.Code && e.Refusal == o.Refusal && e.AtMs == o.AtMs
}

// typeOf returns the type of a frame that the core has made, which begins with it.
func typeOf(frame []byte) string {
	const before = `{"type":"`
	if !bytes.HasPrefix(frame, []byte(before)) {
		return ""
	}
	name, _, _ := bytes.Cut(frame[len(before):], []byte(`"`))
	return string(name)
}

// entryOf describes an event as it is, except for its secrets, for which it has placeholders.
func (k *key) entryOf(nowMs int64, event *room.Event) Entry {
	e := Entry{
		AtMs: nowMs, Kind: kinds[event.Kind], Conn: uint64(event.Conn), Size: len(event.Frame), Address: event.Address,
		Secret: k.secret(&event.Secret), OwnerSecret: k.secret(&event.OwnerSecret),
		Identity: event.Identity, Verdict: event.Verdict, Arrangement: event.Arrangement, Act: event.Act,
		CloseCode: event.CloseCode, EventMs: event.AtMs, Refuse: event.Refuse, RefuseCreate: event.RefuseCreate,
		RefuseSeat: event.RefuseSeat, HoldsComplete: event.HoldsComplete,
	}
	if event.Kind == room.Received {
		e.TypeFirst = typeOf(event.Frame) != ""
	}
	if h := event.Hash; h != nil {
		e.Hash = &room.HashResult{Number: h.Number, Failed: h.Failed, Salt: k.Random(h.Salt), Digest: k.Digest(h.Digest)}
	}
	if a := event.Act; a != nil {
		act := *a
		act.Door.Passcode = blankBytes(a.Door.Passcode)
		act.Text = utf(a.Text)
		e.Act = &act
	}
	if a := event.Arrangement; a != nil {
		arrangement := *a
		arrangement.Door.Passcode = blankBytes(a.Door.Passcode)
		e.Arrangement = &arrangement
	}
	if m := event.Message; m != nil && event.Err != nil {
		e.Message = &Message{Type: m.Type.String(), Ref: string(m.Ref)} // the core reads no more
	} else if m != nil {
		e.Message = k.message(m)
	}
	if err, ok := event.Err.(*protocol.DecodeError); ok {
		e.Refused = &Refused{err.Code, err.Details}
	} else if event.Err != nil {
		e.Refused = &Refused{Code: protocol.CodeInvalidJSON}
	}
	return e
}

func (k *key) message(m *protocol.Message) *Message {
	c := &Message{
		Type: m.Type.String(), Ref: string(m.Ref), RoomID: optional(m.RoomID), UserID: string(m.UserID),
		TargetUserID: optional(m.TargetUserID), UserName: utf(m.UserName), RoomName: utf(m.RoomName), RelayOnly: m.RelayOnly,
		ResumeToken: k.presented(m.ResumeToken), OwnerToken: k.presented(m.OwnerToken), KnockToken: k.presented(m.KnockToken),
		Passcode: blank(m.Passcode), Token: blank(m.Token), Invite: blank(m.Invite), PathReport: m.PathReport, KeepMs: m.KeepMs, Protocol: m.Protocol, Role: m.Role,
		Ban: m.Ban, Reason: utf(m.Reason), Mode: m.Mode, Playback: m.Playback, Time: m.Time, HasTime: m.HasTime, URL: utf(m.URL),
	}
	if m.Payload != nil {
		c.ShowsAddress = !protocol.RelayOnly(m.Payload)
	}
	if m.Door != nil {
		door := *m.Door
		door.Passcode = blankBytes(door.Passcode)
		c.Door = &door
	}
	return c
}

func optional(text []byte) *string {
	if text == nil {
		return nil
	}
	copied := string(text)
	return &copied
}

// utf returns a text that JSON can express. One that is not UTF-8 is as invalid with control
// characters.
func utf(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return strings.Repeat("\x01", len(text))
}

func blank(text []byte) *string {
	if text == nil {
		return nil
	}
	return optional(blankBytes(text))
}

func blankBytes(text []byte) []byte {
	if text == nil {
		return nil
	}
	return bytes.Repeat([]byte("x"), len(text))
}

// event makes an event of an entry. The room is where it will happen.
func (e *Entry) event(r *room.Room) room.Event {
	event := room.Event{
		Kind: kindOf(e.Kind), Conn: room.ConnID(e.Conn), Address: e.Address, Identity: e.Identity, Verdict: e.Verdict,
		Arrangement: e.Arrangement, Act: e.Act, Hash: e.Hash, CloseCode: e.CloseCode, AtMs: e.EventMs, Refuse: e.Refuse,
		RefuseCreate: e.RefuseCreate, RefuseSeat: e.RefuseSeat, HoldsComplete: e.HoldsComplete,
		Frame: bytes.Repeat([]byte(" "), e.Size),
	}
	if e.Act != nil {
		unset(&e.Act.Door)
	}
	if e.Arrangement != nil {
		unset(&e.Arrangement.Door)
	}
	if e.TypeFirst && e.Message != nil {
		copy(event.Frame, `{"type":"`+e.Message.Type+`"`) // it may be held, and sent later
	}
	if event.Kind == room.Renewed {
		copy(event.Frame, `{"type":"ICE_SERVERS"`) // it is sent as it is
	}
	if e.Secret != nil {
		event.Secret = *e.Secret
	}
	if e.OwnerSecret != nil {
		event.OwnerSecret = *e.OwnerSecret
	}
	if e.Message != nil {
		event.Message = e.Message.decoded()
	}
	if e.Kind == relayed {
		event.Kind = room.Received
		event.Message.UserID = []byte(r.SeatedAs(event.Conn))
		event.Message.TargetUserID = []byte(r.SeatedAs(room.ConnID(e.Effects[0].To[0])))
	}
	if e.Refused != nil {
		event.Err = &protocol.DecodeError{Code: e.Refused.Code, Details: e.Refused.Details}
	}
	return event
}

func (m *Message) decoded() *protocol.Message {
	d := &protocol.Message{
		Ref: raw(&m.Ref), RoomID: raw(m.RoomID), UserID: raw(&m.UserID), TargetUserID: raw(m.TargetUserID),
		UserName: m.UserName, RoomName: m.RoomName, RelayOnly: m.RelayOnly, ResumeToken: raw(m.ResumeToken),
		OwnerToken: raw(m.OwnerToken), KnockToken: raw(m.KnockToken), Passcode: raw(m.Passcode), Token: raw(m.Token), Invite: raw(m.Invite), PathReport: m.PathReport,
		KeepMs: m.KeepMs, Protocol: m.Protocol, Role: m.Role, Door: m.Door, Ban: m.Ban, Reason: utf(m.Reason), Mode: m.Mode,
		Playback: m.Playback, Time: m.Time, HasTime: m.HasTime, URL: m.URL, Payload: []byte(`{}`),
	}
	d.Type = typeNamed(m.Type)
	if m.Ref == "" {
		d.Ref = nil
	}
	unset(d.Door)
	if m.ShowsAddress {
		d.Payload = []byte(`{"sdp":"a=candidate:1"}`)
	}
	return d
}

// unset makes an empty passcode none: JSON does not tell the two apart.
func unset(door *protocol.DoorChange) {
	if door != nil && len(door.Passcode) == 0 {
		door.Passcode = nil
	}
}

func raw(text *string) []byte {
	if text == nil {
		return nil
	}
	return []byte(*text)
}

// typeNamed is the type of that name, 0 if there is none.
func typeNamed(name string) protocol.Type {
	for t := protocol.Type(1); t < protocol.Types; t++ {
		if t.String() == name {
			return t
		}
	}
	return 0
}
