package abi

import (
	"usher/protocol"
	"usher/room"
)

// The events of Step.
const (
	EventConnected = iota + 1
	EventReceived
	EventBinary
	EventDisconnected
	EventAlarm
	EventAnswered
	EventPaused
	EventRenewed
	EventHashed
	EventVerified
	EventArranged
)

// The flags of Step.
const (
	// FlagStorageUnavailable reports that nothing can be stored now.
	FlagStorageUnavailable = 1 << iota
	// FlagTooManyRooms reports that the connection's address has made too many rooms.
	FlagTooManyRooms
)

// NoSuchRoom is Step's result if the room has been dropped.
const NoSuchRoom = -1

const (
	// SecretBytes is the randomness that comes with each frame: a token of a seat, and one of a
	// room's owner.
	SecretBytes = 2 * protocol.TokenBytes
	// InputBytes is what the input holds without being asked to grow: the largest frame, and the
	// randomness behind it.
	InputBytes = protocol.MaxFrameBytes + SecretBytes
	// maxRooms and maxRoomBytes bound the rooms in memory. An isolate has 128 MB for everything.
	maxRooms     = 1024
	maxRoomBytes = 16 << 20
)

// Rooms are the rooms of one Wasm instance. New makes them.
type Rooms struct {
	rooms  map[uint32]*entry
	byID   map[string]*entry
	last   uint32
	clock  uint64
	bytes  int
	input  []byte
	output []byte

	message protocol.Message
	relay   protocol.Relay
	effects []room.Effect
}

// entry is one room.
type entry struct {
	handle uint32
	config room.Config
	room   *room.Room
	// used is the clock at the last step. bytes is the size of the last snapshot.
	used  uint64
	bytes int
}

// New returns an empty set of rooms.
func New() *Rooms {
	return &Rooms{
		rooms: map[uint32]*entry{}, byID: map[string]*entry{},
		input: make([]byte, InputBytes), output: make([]byte, 0, InputBytes), effects: make([]room.Effect, 0, 64),
	}
}

// Input returns the buffer for the input of the next call, of at least n bytes.
func (rs *Rooms) Input(n int) []byte {
	if n > len(rs.input) {
		rs.input = make([]byte, n)
	}
	return rs.input
}

// Output returns the output of the last call. The next call overwrites it.
func (rs *Rooms) Output() []byte { return rs.output }

// shrink releases a buffer that an unusually large call has left behind.
func (rs *Rooms) shrink() {
	if len(rs.input) > InputBytes {
		rs.input = make([]byte, InputBytes)
	}
	if cap(rs.output) > 4*InputBytes {
		rs.output = make([]byte, 0, InputBytes)
	}
	rs.output = rs.output[:0]
}

// Wake makes a room from the first n bytes of the input, and steps it with Paused if pausedMs is
// not 0, and with Woken. It returns the length of the output.
func (rs *Rooms) Wake(nowMs, alarmMs, pausedMs float64, n int) int {
	in := reader{b: rs.input[:n]}
	e := &entry{config: room.DefaultConfig()}
	e.config.Hibernates = true
	e.config.PingTimeoutMs = 0 // the platform cannot ping
	problem := configure(&e.config, in.text())
	id, snapshot := string(in.text()), in.text()
	var attachments []room.Attachment
	for len(in.b) > 0 && !in.bad {
		a := room.Attachment{Conn: room.ConnID(in.float64())}
		copy(a.Secret[:], in.take(SecretBytes))
		a.Bytes = in.text()
		attachments = append(attachments, a)
	}
	if in.bad {
		problem = "the input cannot be understood"
	}
	if problem == "" {
		if len(snapshot) == 0 {
			snapshot = nil
		}
		var err error
		if e.room, err = room.Wake(&e.config, id, snapshot, int64(alarmMs), attachments); err != nil {
			problem = err.Error()
		}
	}
	e.bytes = len(snapshot)
	rs.shrink()
	if problem != "" {
		rs.output = append(appendUint32(rs.output, 0), problem...)
		return len(rs.output)
	}
	rs.add(id, e)
	rs.output = appendUint32(rs.output, e.handle)
	if pausedMs != 0 {
		// First, because the grace of a seat that Woken finds without its connection begins now.
		rs.run(e, int64(nowMs), &room.Event{Kind: room.Paused, AtMs: int64(pausedMs)})
	}
	rs.run(e, int64(nowMs), &room.Event{Kind: room.Woken})
	return len(rs.output)
}

// add keeps a room, in place of an older one with its id, and drops others if there are too many.
func (rs *Rooms) add(id string, e *entry) {
	if older := rs.byID[id]; older != nil {
		rs.Drop(older.handle)
	}
	for len(rs.rooms) > 0 && (len(rs.rooms) >= maxRooms || rs.bytes+e.bytes > maxRoomBytes) {
		rs.dropOldest()
	}
	rs.last++
	e.handle = rs.last
	rs.rooms[e.handle], rs.byID[id] = e, e
	rs.bytes += e.bytes
}

func (rs *Rooms) dropOldest() {
	var oldest *entry
	for _, e := range rs.rooms {
		if oldest == nil || e.used < oldest.used {
			oldest = e
		}
	}
	rs.Drop(oldest.handle)
}

// Drop forgets a room.
func (rs *Rooms) Drop(handle uint32) {
	if e := rs.rooms[handle]; e != nil {
		delete(rs.rooms, handle)
		delete(rs.byID, e.room.ID())
		rs.bytes -= e.bytes
	}
}

// Step steps a room with the first n bytes of the input. It returns the length of the output, or
// NoSuchRoom.
func (rs *Rooms) Step(handle, kind uint32, conn, nowMs, argument float64, flags uint32, n int) int {
	e := rs.rooms[handle]
	if e == nil {
		return NoSuchRoom
	}
	event := room.Event{Conn: room.ConnID(conn)}
	input := rs.input[:n]
	rs.shrink()
	switch kind {
	case EventConnected:
		event.Kind = room.Connected
		in := reader{b: input}
		event.Address = in.uint64()
		event.Identity = in.identity()
	case EventReceived:
		frame := takeSecrets(input, &event)
		event.Kind, event.Frame = room.Received, frame
		rs.message, event.Err = protocol.Decode(frame)
		event.Message = &rs.message
	case EventBinary:
		event.Kind = room.ReceivedBinary
	case EventDisconnected:
		event.Kind, event.CloseCode = room.Disconnected, protocol.CloseCode(argument)
	case EventAlarm:
		event.Kind = room.AlarmFired
	case EventAnswered:
		event.Kind, event.AtMs = room.Answered, int64(argument)
	case EventPaused:
		event.Kind, event.AtMs = room.Paused, int64(argument)
	case EventRenewed:
		event.Kind, event.Frame = room.Renewed, input
	case EventHashed:
		frame := takeSecrets(input[hashBytes:], &event)
		event.Kind, event.Hash = room.Hashed, hashResult(input, argument)
		rs.message, event.Err = protocol.Decode(frame)
		event.Message = &rs.message
	}
	if kind >= EventVerified {
		rs.readFinding(kind, input, uint32(argument), &event)
	}
	if flags&FlagStorageUnavailable != 0 {
		event.Refuse = protocol.CodeStorageUnavailable
	}
	if flags&FlagTooManyRooms != 0 {
		event.RefuseCreate = protocol.CodeTooManyRooms
	}
	rs.run(e, int64(nowMs), &event)
	if e.room.Unused() {
		rs.Drop(handle)
	}
	return len(rs.output)
}

// takeSecrets takes the fresh randomness from behind a frame, and returns the frame.
func takeSecrets(input []byte, event *room.Event) (frame []byte) {
	end := max(0, len(input)-SecretBytes)
	secrets := input[end:]
	copy(event.OwnerSecret[:], secrets[copy(event.Secret[:], secrets):])
	return input[:end]
}

// Relay gives the first n bytes of the input the fast path. It returns the connection to forward
// them to, or 0 if nothing has happened and the room must be stepped with them.
func (rs *Rooms) Relay(handle uint32, conn, nowMs float64, n int) float64 {
	e := rs.rooms[handle]
	if e == nil || !protocol.DecodeRelay(rs.input[:n], &rs.relay) {
		return 0
	}
	to := e.room.Relay(int64(nowMs), room.ConnID(conn), &rs.relay, n)
	if to != 0 {
		rs.clock++
		e.used = rs.clock
	}
	return float64(to)
}

func (rs *Rooms) run(e *entry, nowMs int64, event *room.Event) {
	rs.clock++
	e.used = rs.clock
	rs.effects = e.room.Step(nowMs, *event, rs.effects[:0])
	rs.appendEffects(e)
	clear(rs.effects)
}

// Holds returns when a seat was taken if the first n bytes of the input, a user id and a resume
// token, are the seat's; 0 if not, or NoSuchRoom if the room was dropped.
func (rs *Rooms) Holds(handle uint32, n int) float64 {
	e := rs.rooms[handle]
	if e == nil {
		return NoSuchRoom
	}
	in := reader{b: rs.input[:n]}
	takenAtMs, ok := e.room.Holds(in.text(), in.text())
	if !ok {
		return 0
	}
	return float64(takenAtMs)
}

// Describe writes what anyone with an invitation may know about a room, as JSON. It returns the
// length, 0 if the room does not exist, or NoSuchRoom if it was dropped.
func (rs *Rooms) Describe(handle uint32) int {
	e := rs.rooms[handle]
	if e == nil {
		return NoSuchRoom
	}
	rs.shrink()
	if e.room.Exists() {
		rs.output = e.room.Summary().Append(rs.output)
	}
	return len(rs.output)
}
