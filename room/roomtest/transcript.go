package roomtest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"usher/protocol"
	"usher/room"
)

// RoomID is the room of every transcript.
const RoomID = "room-1"

// startMs is the clock when a transcript begins: in the year 2100, so that on a shell whose alarms
// follow the real clock none fires by itself.
const startMs = 4_102_444_800_000

// Runner replays one transcript.
type Runner struct {
	config       room.Config
	room         *room.Room
	nowMs        int64
	alarmMs      int64
	names        []string          // by ConnID
	words        map[uint64]string // of addresses
	refuse       protocol.Code
	refuseCreate protocol.Code
	refuseSeat   protocol.Code
	out          strings.Builder
	trace        Trace
	// hashes are the passcodes whose hashes are not done, and tardy is set while they are to wait,
	// or fail.
	hashes []room.Event
	// invites are the messages whose invites are to be read, by connection.
	invites      map[room.ConnID]room.Event
	tardy, fails bool
	salts        int
	evict        bool
	kept         kept
}

// Rewrite replays a transcript and returns it with the effects that it had. It fails if a line
// cannot be understood or an invariant breaks.
func Rewrite(text string) (string, error) {
	return (&Runner{}).replay(text)
}

// RewriteEvicting is Rewrite with the room dropped from memory and woken after every Step.
func RewriteEvicting(text string) (string, error) {
	return (&Runner{evict: true}).replay(text)
}

func (r *Runner) replay(text string) (string, error) {
	r.config, r.nowMs, r.words = room.DefaultConfig(), startMs, map[uint64]string{}
	r.config.Hibernates = true
	var out strings.Builder
	inEffects := false
	for n, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case inEffects && line != "":
			continue
		case line == "----":
			inEffects = true
			out.WriteString("----\n" + r.out.String())
			r.out.Reset()
			continue
		case inEffects || line == "" || strings.HasPrefix(line, "#"):
			inEffects = false
		default:
			r.trace.Steps = append(r.trace.Steps, Step{Line: n + 1, Text: line, Seen: []Seen{}})
			if err := r.event(line); err != nil {
				return "", fmt.Errorf("line %d: %s: %w", n+1, line, err)
			}
		}
		out.WriteString(line + "\n")
	}
	return out.String(), nil
}

func (r *Runner) event(line string) error {
	words := strings.Fields(line)
	trace := r.current()
	trace.Kind = words[0]
	if words[0] == "config" {
		return r.configure(words[1:])
	}
	if r.room == nil {
		r.room = room.New(&r.config, RoomID)
	}
	switch words[0] {
	case "open":
		return r.open(words[1:])
	case "arrange":
		return r.arrange(words[1:])
	case "operator":
		return r.operate(words[1:])
	case "wait":
		return r.wait(words[1])
	case "pause":
		return r.pause(words[1])
	case "restart":
		return r.restart(len(words) > 1)
	case "hashes":
		return r.hash(words[1])
	case "refuse", "refuse-create", "refuse-seat":
		r.refuseFrom(words[0], code(words[1]))
		return nil
	}
	id, ok := r.conn(words[0])
	if !ok || len(words) < 2 {
		return fmt.Errorf("no such connection or event")
	}
	trace.Conn = int(id)
	switch words[1] {
	case ">":
		return r.receive(id, r.message(words[0], words[2:]))
	case ">>":
		frame := strings.TrimSpace(strings.SplitN(line, ">>", 2)[1])
		if unquoted, err := strconv.Unquote(frame); err == nil {
			frame = unquoted
		}
		return r.receive(id, []byte(frame))
	case "pong":
		trace.Kind = "pong"
		return r.step(room.Event{Kind: room.Seen, Conn: id})
	case "binary":
		trace.Kind = "binary"
		return r.step(room.Event{Kind: room.ReceivedBinary, Conn: id})
	case "verified":
		return r.verified(id, words[2:])
	case "renewed":
		return r.renewed(id, words[2:])
	case "exceeded":
		trace.Kind = "exceeded"
		r.trace.Budgets = true
		return r.step(room.Event{Kind: room.Exceeded, Conn: id})
	case "!":
		closeCode, err := strconv.Atoi(words[2])
		if err != nil {
			return err
		}
		trace.Kind, trace.Code = "end", closeCode
		return r.step(room.Event{Kind: room.Disconnected, Conn: id, CloseCode: protocol.CloseCode(closeCode)})
	}
	return fmt.Errorf("no such event")
}

// refuseFrom sets what events are refused with from here on.
func (r *Runner) refuseFrom(what string, refusal protocol.Code) {
	switch r.current().Refusal = refusal; what {
	case "refuse":
		r.refuse = refusal
	case "refuse-create":
		r.refuseCreate = refusal
	default:
		r.refuseSeat, r.trace.Budgets = refusal, true
	}
}

// renewed reports new ICE servers, none for no URL.
func (r *Runner) renewed(id room.ConnID, urls []string) error {
	r.current().Kind, r.trace.Renews = "renewed", true
	event := room.Event{Kind: room.Renewed, Conn: id}
	if len(urls) > 0 {
		servers := []protocol.IceServer{{URLs: urls}}
		event.Frame = protocol.IceServersMessage{RoomID: RoomID, IceServers: servers, TTL: 3600, Timestamp: r.nowMs}.Append(nil)
	}
	return r.step(event)
}

func code(word string) protocol.Code {
	if word == "nothing" {
		return ""
	}
	return protocol.Code(word).Lookup().Code
}

func (r *Runner) configure(settings []string) error {
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		if err := r.set(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) set(name, value string) error {
	if ms := map[string]*int64{"ping-timeout": &r.config.PingTimeoutMs, "ice-renew": &r.config.ICERenewMs}[name]; ms != nil {
		d, err := time.ParseDuration(value)
		*ms = d.Milliseconds()
		return err
	}
	if on := map[string]*bool{"identity-required": &r.config.IdentityRequired, "report": &r.config.Report}[name]; on != nil {
		*on = value == "true"
		return nil
	}
	if name == "tokenless-rejoin" {
		rejoin, ok := room.ParseTokenlessRejoin(value)
		if !ok {
			return fmt.Errorf("no such rejoin")
		}
		r.config.TokenlessRejoin = rejoin
		return nil
	}
	for _, setting := range r.config.Settings() {
		if setting.Name != name {
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if d, notADuration := time.ParseDuration(value); setting.Unit == room.Milliseconds {
			n, err = d.Milliseconds(), notADuration
		}
		setting.Set(n)
		return err
	}
	return fmt.Errorf("no setting %s", name)
}

func (r *Runner) open(words []string) error {
	name, from := words[0], userOf(words[0])
	words = words[1:]
	if len(words) > 1 && words[0] == "from" {
		from, words = words[1], words[2:]
	}
	var who *room.Identity
	if len(words) > 0 {
		var err error
		if who, err = r.identity(words); err != nil {
			return err
		}
		r.current().Identity = who
	}
	var address uint64
	for _, c := range []byte(from) {
		address = address<<8 | uint64(c)
	}
	r.words[address] = from
	r.names = append(r.names, name)
	trace := r.current()
	trace.Conn, trace.Address = len(r.names), from
	return r.step(room.Event{Kind: room.Connected, Conn: room.ConnID(len(r.names)), Address: address, Identity: who})
}

// userOf is the name of a connection without the number at its end.
func userOf(conn string) string { return strings.TrimRight(conn, "0123456789") }

// conn finds the newest connection of a name.
func (r *Runner) conn(name string) (room.ConnID, bool) {
	for i := len(r.names) - 1; i >= 0; i-- {
		if r.names[i] == name {
			return room.ConnID(i + 1), true
		}
	}
	return 0, false
}

// message builds a frame with the fields that its type usually has.
func (r *Runner) message(conn string, words []string) []byte {
	fields := []string{"type", "roomId", "userId", "timestamp"}
	values := map[string]any{"type": words[0], "roomId": RoomID, "userId": userOf(conn), "timestamp": 7}
	set := func(key string, value any) {
		if _, ok := values[key]; !ok {
			fields = append(fields, key)
		}
		values[key] = value
	}
	switch words[0] {
	case "CREATE_ROOM", "JOIN_ROOM":
		set("userName", userOf(conn))
	case "WEBRTC_OFFER":
		set("offer", json.RawMessage(`{"type":"offer","sdp":"v=0"}`))
	case "WEBRTC_ANSWER":
		set("answer", json.RawMessage(`{"type":"answer","sdp":"v=0"}`))
	case "WEBRTC_ICE_CANDIDATE":
		set("candidate", json.RawMessage(`{"candidate":"candidate:1"}`))
	}
	for _, word := range words[1:] {
		key, value, isSet := strings.Cut(word, "=")
		switch {
		case !isSet:
			delete(values, strings.TrimPrefix(key, "-"))
		case key == "to":
			set("targetUserId", value)
		case strings.HasPrefix(value, "$"):
			set(key, token(key, value[1:]))
		case json.Valid([]byte(value)):
			set(key, json.RawMessage(value))
		default:
			set(key, strings.ReplaceAll(value, "+", " "))
		}
	}
	frame := []byte("{")
	for _, field := range fields {
		if value, ok := values[field]; ok {
			text, _ := json.Marshal(value)
			if len(frame) > 1 {
				frame = append(frame, ',')
			}
			frame = fmt.Appendf(frame, "%q:%s", field, text)
		}
	}
	return append(frame, '}')
}

func (r *Runner) receive(id room.ConnID, frame []byte) error {
	trace := r.current()
	trace.Kind, trace.Frame = "frame", frame
	message, err := protocol.Decode(frame)
	event := room.Event{Kind: room.Received, Conn: id, Frame: frame, Message: &message, Err: err}
	if message.Type.Seats() {
		event.Secret, event.OwnerSecret = secret(r.names[id-1]), ownerSecret(r.names[id-1])
		trace.Secret = append(event.Secret[:], event.OwnerSecret[:]...)
	}
	return r.step(event)
}

func (r *Runner) wait(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		return err
	}
	r.current().Ms = d.Milliseconds()
	until := r.nowMs + d.Milliseconds()
	for r.alarmMs != 0 && r.alarmMs <= until {
		r.nowMs, r.alarmMs = max(r.alarmMs, r.nowMs), 0
		if err := r.step(room.Event{Kind: room.AlarmFired}); err != nil {
			return err
		}
	}
	r.nowMs = until
	return nil
}

// pause lets time pass in which the shell does not run: no alarm fires.
func (r *Runner) pause(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		return err
	}
	r.current().Ms = d.Milliseconds()
	r.nowMs += d.Milliseconds()
	return r.step(room.Event{Kind: room.Paused, AtMs: d.Milliseconds()})
}

func (r *Runner) restart(clean bool) error {
	if !r.room.Exists() {
		return fmt.Errorf("there is no room")
	}
	r.current().Clean = clean
	restored, err := room.Restore(&r.config, RoomID, r.room.AppendSnapshot(nil))
	if err != nil {
		return err
	}
	r.room, r.alarmMs, r.kept.attachments, r.hashes = restored, 0, nil, nil
	r.invites = nil
	return r.step(room.Event{Kind: room.Restored, HoldsComplete: clean})
}

func (r *Runner) step(event room.Event) error {
	event.Refuse, event.RefuseCreate = r.refuse, r.refuseCreate
	if event.Kind != room.Hashed {
		event.RefuseSeat = r.refuseSeat
	}
	for _, effect := range r.room.Step(r.nowMs, event, nil) {
		r.print(event, effect)
		r.see(event, effect)
		r.keep(effect)
		if effect.Kind == room.Verify && effect.Number != 0 {
			r.invited(event, effect.Number)
		}
		if effect.Kind == room.Hash {
			r.hashes = append(r.hashes, r.hashed(event, effect.Hash))
		}
	}
	if event.Kind == room.Disconnected {
		delete(r.kept.attachments, event.Conn)
	}
	if broken := r.room.Check(); broken != "" {
		return fmt.Errorf("%s is broken", broken)
	}
	if r.evict {
		if err := r.wake(); err != nil {
			return err
		}
	}
	if len(r.hashes) == 0 || r.tardy {
		return nil
	}
	event = r.hashes[0]
	r.hashes = r.hashes[1:]
	return r.step(event)
}
