package protocol

import (
	"bytes"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Message is one received client message, a flat union: Type says which of the other fields are
// set. Byte slices mostly point into the decoded frame.
type Message struct {
	Type Type
	// Ref is the ref of a request, nil if there is none. Type and Ref are set even if Decode
	// returns an error for another field, so that the ERROR can repeat it.
	Ref []byte
	// RoomID is nil in PING and PONG and, mostly, in SyncMessages.
	RoomID []byte
	// UserID is nil in PING and PONG.
	UserID []byte
	// TargetUserID is set in offers, answers, candidates, TRANSFER_HOST, SET_ROLE, KICK_USER,
	// UNBAN_USER, ADMIT, DENY and PATH_REPORT, and in a SyncMessage for only one participant.
	TargetUserID []byte

	// UserName and RoomName are as sent, in CREATE_ROOM and, the first one, JOIN_ROOM; in
	// RENAME_USER and RENAME_ROOM they are the new names.
	UserName, RoomName string
	// RelayOnly is set in a CREATE_ROOM whose iceTransportPolicy is relay.
	RelayOnly bool
	// ResumeToken is as sent, nil if there is none.
	ResumeToken []byte
	// OwnerToken is as sent, nil if there is none, and KeepMs 0 if there is none.
	OwnerToken []byte
	KeepMs     int64
	// Protocol is 0 for a client that did not send it.
	Protocol int

	// Payload is the offer, answer or candidate, a JSON object.
	Payload []byte

	// Role is set in SET_ROLE. It is never Host.
	Role Role

	// Passcode and KnockToken are as sent in CREATE_ROOM and JOIN_ROOM, nil if there are none.
	Passcode, KnockToken []byte
	// Invite is set in a JOIN_ROOM with an invite, which nobody has looked at.
	Invite []byte
	// Door is what SET_DOOR or the door of CREATE_ROOM changes, nil if there is nothing.
	Door *DoorChange

	// Ban and Reason are set in KICK_USER. Reason is as sent, "" if there is none.
	Ban    bool
	Reason string

	// Token is set in RENEW_AUTH: a JSON Web Token, which nobody has looked at.
	Token []byte

	// PathReport is set in PATH_REPORT.
	PathReport PathReport

	// Mode is set in CONTROL_MODE_CHANGE.
	Mode ControlMode
	// Playback is set in HOST_STATE_UPDATE, UNIFIED_SYNC, CLIENT_REQUEST_* and DIRECT_*.
	Playback Playback
	// Time is the position in seconds, and HasTime whether there is one.
	Time    float64
	HasTime bool
	// URL is the hostVideoUrl, videoUrl or url, "" if there is none.
	URL string
}

// DecodeError reports why a frame is not a message.
type DecodeError struct {
	// Code is CodeInvalidUTF8, CodeInvalidJSON, CodeUnknownType, CodeInvalidRoomID,
	// CodeInvalidUserID or CodeInvalidMessage.
	Code Code
	// Details names the offending part of the frame.
	Details string
}

// Error implements error.
func (e *DecodeError) Error() string { return "protocol: " + string(e.Code) + ": " + e.Details }

// field is a member of the top-level object of some message type.
type field uint8

const (
	fieldNone field = iota
	fieldType
	fieldRoomID
	fieldUserID
	fieldTargetUserID
	fieldTimestamp
	fieldOffer
	fieldAnswer
	fieldCandidate
	fieldUserName
	fieldRoomName
	fieldResumeToken
	fieldProtocol
	fieldNewRoomName
	fieldNewUserName
	fieldState
	fieldAction
	fieldMode
	fieldTime
	fieldHostVideoURL
	fieldVideoURL
	fieldURL
	fieldRef
	fieldRole
	fieldBan
	fieldReason
	fieldToken
	fieldICETransportPolicy
	fieldDoor
	fieldEntry
	fieldPasscode
	fieldMaxPeople
	fieldListed
	fieldKnockToken
	fieldOwnerToken
	fieldKeepMs
	fieldPath
	fieldHosts
	fieldFamily
	fieldSTUN
	fieldTURN
	fieldInvite
	fields
)

var fieldNames = [fields]string{
	"", "type", "roomId", "userId", "targetUserId", "timestamp", "offer", "answer", "candidate", "userName", "roomName",
	"resumeToken", "protocol", "newRoomName", "newUserName", "state", "action", "mode", "time",
	"hostVideoUrl", "videoUrl", "url", "ref",
	"role", "ban", "reason", "token", "iceTransportPolicy",
	"door", "entry", "passcode", "maxPeople", "listed", "knockToken",
	"ownerToken", "keepMs",
	"path", "hostCandidates", "family", "stun", "turn", "invite",
}

// fieldOf returns the field with the given name. It uses a table because a switch becomes a large
// function in Wasm.
func fieldOf(name []byte) field {
	if len(name) == 0 {
		return fieldNone
	}
	if f := fieldSlots[slot(name)]; string(name) == fieldNames[f] {
		return f
	}
	return fieldNone
}

// slot is a hash that differs for every field's name; a test checks that.
func slot[S string | []byte](name S) byte {
	return name[0] + name[len(name)/2]*9 + byte(len(name))*3
}

var fieldSlots = func() (slots [256]field) {
	for f := fieldNone + 1; f < fields; f++ {
		slots[slot(fieldNames[f])] = f
	}
	return slots
}()

// members has the raw JSON value of each field of a frame, nil for a missing one.
type members [fields][]byte

// Decode reads one received text frame. The error is a *DecodeError.
//
// The frame is split into its members by a scanner written for the relay path, which gives up at
// anything unusual; then jsontext decides. FuzzScan holds the scanner to accepting only what
// jsontext accepts, with the same members.
func Decode(frame []byte) (m Message, err error) {
	var raw members
	if !scan(frame, &raw) {
		raw = members{}
		if fault := parse(frame, &raw); fault != nil {
			return m, fault
		}
	}
	if fault := m.read(&raw); fault != nil {
		return m, fault
	}
	return m, nil
}

// decoder pairs a jsontext decoder with its source, which it needs to be reset.
type decoder struct {
	source bytes.Reader
	json   jsontext.Decoder
}

// laxly makes jsontext take lone surrogate escapes for U+FFFD, because they are grammatical JSON
// (RFC 8259, section 8.2). So two names of one object that differ only in them are duplicates. It
// would also accept bytes that are not UTF-8; parse looks for those first.
var laxly = jsontext.AllowInvalidUTF8(true)

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// parse splits the frame with jsontext.
func parse(frame []byte, raw *members) *DecodeError {
	if !utf8.Valid(frame) {
		return &DecodeError{Code: CodeInvalidUTF8}
	}
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	d.source.Reset(frame)
	d.json.Reset(&d.source, laxly)
	if err := d.split(frame, raw); err != nil {
		return &DecodeError{Code: CodeInvalidJSON}
	}
	return nil
}

func (d *decoder) split(frame []byte, raw *members) error {
	if d.json.PeekKind() != '{' {
		return io.ErrUnexpectedEOF
	}
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	for d.json.PeekKind() != '}' {
		name, err := d.json.ReadToken()
		if err != nil {
			return err
		}
		f := fieldOf([]byte(name.String()))
		value, err := d.json.ReadValue()
		if err != nil {
			return err
		}
		end := d.json.InputOffset()
		raw[f] = frame[end-int64(len(value)) : end]
	}
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	if _, err := d.json.ReadToken(); err != io.EOF {
		return io.ErrUnexpectedEOF
	}
	raw[fieldNone] = nil
	return nil
}

// read gives the members their meaning.
func (m *Message) read(raw *members) *DecodeError {
	if name, ok := unquote(raw[fieldType]); ok {
		m.Type = typeOf(name)
	}
	if m.Type == 0 {
		return &DecodeError{Code: CodeUnknownType}
	}
	if ref := raw[fieldRef]; ref != nil && m.Type.takesRef() {
		if text, ok := unquote(ref); ok && ValidRef(text) {
			m.Ref = text
		} else {
			return &DecodeError{CodeInvalidMessage, "ref is malformed"}
		}
	}
	row := &rows[m.Type]
	m.Playback = row.playback
	for _, f := range row.need {
		if raw[f] == nil {
			return &DecodeError{f.code(), fieldNames[f] + " is missing"}
		}
		if !m.set(f, raw[f]) {
			return &DecodeError{f.code(), fieldNames[f] + " is malformed"}
		}
	}
	for _, f := range row.may {
		if raw[f] != nil && !m.set(f, raw[f]) {
			return &DecodeError{f.code(), fieldNames[f] + " is malformed"}
		}
	}
	if m.Type.Seats() && ReservedUserID(m.UserID) {
		return &DecodeError{CodeInvalidUserID, "userId is reserved"}
	}
	return nil
}

func (f field) code() Code {
	switch f {
	case fieldRoomID:
		return CodeInvalidRoomID
	case fieldUserID:
		return CodeInvalidUserID
	}
	return CodeInvalidMessage
}

// set reads one member, or reports false if it is not of the right kind.
func (m *Message) set(f field, value []byte) (ok bool) {
	switch f {
	case fieldRoomID:
		m.RoomID, ok = unquote(value)
		return ok && ValidRoomID(m.RoomID)
	case fieldUserID:
		m.UserID, ok = unquote(value)
		return ok && ValidUserID(m.UserID)
	case fieldTargetUserID:
		m.TargetUserID, ok = unquote(value)
		return ok && ValidUserID(m.TargetUserID)
	case fieldTimestamp:
		return jsontext.Value(value).Kind() == '0'
	case fieldOffer, fieldAnswer, fieldCandidate:
		m.Payload = value
		return value[0] == '{' // its contents concern only the peers
	case fieldUserName, fieldNewUserName:
		m.UserName, ok = text(value)
	case fieldRoomName, fieldNewRoomName:
		m.RoomName, ok = text(value)
	case fieldResumeToken:
		m.ResumeToken, ok = unquote(value)
	case fieldOwnerToken:
		m.OwnerToken, ok = unquote(value)
	case fieldKeepMs:
		m.KeepMs, ok = milliseconds(value)
	case fieldProtocol:
		m.Protocol, ok = count(value)
	case fieldState, fieldAction:
		m.Playback, ok = playback(f, value)
	case fieldRole:
		m.Role, ok = settableRole(value)
	case fieldBan:
		m.Ban = string(value) == "true"
		return m.Ban || string(value) == "false"
	case fieldReason:
		m.Reason, ok = text(value)
	case fieldToken:
		m.Token, ok = authToken(value)
	case fieldInvite:
		m.Invite, ok = authToken(value)
	case fieldICETransportPolicy:
		policy, _ := unquote(value)
		m.RelayOnly = string(policy) == PolicyRelay
		return m.RelayOnly || string(policy) == PolicyAll
	case fieldDoor:
		return m.readDoor(value)
	case fieldEntry, fieldMaxPeople, fieldListed:
		return m.change().read(f, value)
	case fieldPasscode:
		if m.Type == SetDoor {
			return m.change().read(f, value)
		}
		m.Passcode, ok = passcode(value)
	case fieldKnockToken:
		m.KnockToken, ok = unquote(value)
	case fieldPath, fieldHosts, fieldFamily, fieldSTUN, fieldTURN:
		return m.PathReport.read(f, value)
	case fieldMode:
		m.Mode, ok = controlMode(value)
	case fieldTime:
		m.Time, ok = number(value)
		m.HasTime = ok
	case fieldHostVideoURL, fieldVideoURL, fieldURL:
		m.URL, ok = text(value)
		return ok && len(m.URL) <= MaxURLBytes && validURL(m.URL)
	}
	return ok
}
