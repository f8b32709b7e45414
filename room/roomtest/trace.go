package roomtest

import (
	"usher/protocol"
	"usher/room"
)

// Trace is a transcript with everything spelled out: what goes in, and the exact bytes that each
// connection must see. Any shell can replay it that lets a test set its clock and its randomness;
// package traces prints all of them as JSON.
type Trace struct {
	Name    string      `json:"name"`
	RoomID  string      `json:"roomId"`
	StartMs int64       `json:"startMs"` // the clock when it begins
	Config  room.Config `json:"-"`
	// Pings reports that the room asks for WebSocket pings, which not every shell can send.
	Pings bool `json:"pings,omitempty"`
	// Budgets reports that an address uses up its budgets of seats or messages, which not every
	// shell has.
	Budgets bool `json:"budgets,omitempty"`
	// Accounts reports that people are identified, or the room is created ahead of them.
	Accounts bool `json:"accounts,omitempty"`
	// IdentityRequired is Config's.
	IdentityRequired bool `json:"identityRequired,omitempty"`
	// Renews reports that the shell is asked for ICE servers, at a moment of its own.
	Renews bool `json:"renews,omitempty"`
	// Operates reports that an operator does something to the room.
	Operates bool   `json:"operates,omitempty"`
	Steps    []Step `json:"steps"`
}

// Step is one event line of the transcript and what is seen of it.
type Step struct {
	Line int    `json:"line"`
	Text string `json:"text"`
	// Kind is open, frame, binary, pong, exceeded, end (of the socket, with Code; 1006 for none),
	// wait (Ms), pause (of the shell, Ms), restart (Clean), refuse, refuse-create or refuse-seat
	// (Refusal, "" for nothing), verified (Conn, Verdict), arrange (Arrangement), operator (Act),
	// hashes (Hashes), config.
	Kind string `json:"kind"`
	// Conn numbers connections from 1 as they open.
	Conn int `json:"conn,omitempty"`
	// Address stands for a network address: equal for equal ones.
	Address string `json:"address,omitempty"`
	// Secret is what the server draws for a frame that may take a seat, first for the seat and then
	// for the room's owner. A connection always has the same. An arrangement has only the latter.
	Secret  []byte        `json:"secret,omitempty"`
	Frame   []byte        `json:"frame,omitempty"`
	Code    int           `json:"code,omitempty"`
	Ms      int64         `json:"ms,omitempty"`
	Clean   bool          `json:"clean,omitempty"`
	Refusal protocol.Code `json:"refusal,omitempty"`
	// Identity is what the shell has verified about a connection that opens.
	Identity    *room.Identity    `json:"identity,omitempty"`
	Verdict     *room.Verdict     `json:"verdict,omitempty"`
	Arrangement *room.Arrangement `json:"arrangement,omitempty"`
	// Act is an operator's. Refusal, or Creation, is what came of it, or of the Arrangement.
	Act      *room.Act      `json:"act,omitempty"`
	Creation *room.Creation `json:"creation,omitempty"`
	// Hashes is wait, done or fail.
	Hashes string `json:"hashes,omitempty"`
	// Seen is in order for each connection.
	Seen []Seen `json:"seen"`
}

// Seen is a frame that a connection receives, or else a WebSocket ping, or the close of it.
type Seen struct {
	Conn  int    `json:"conn"`
	Frame []byte `json:"frame,omitempty"`
	Ping  bool   `json:"ping,omitempty"`
	Code  int    `json:"code,omitempty"`
}

// Compile spells a transcript out.
func Compile(name, text string) (Trace, error) {
	r := &Runner{trace: Trace{Name: name, RoomID: RoomID, StartMs: startMs}}
	_, err := r.replay(text)
	r.trace.Config, r.trace.IdentityRequired = r.config, r.config.IdentityRequired
	return r.trace, err
}

// current is the step under way.
func (r *Runner) current() *Step { return &r.trace.Steps[len(r.trace.Steps)-1] }

func (r *Runner) see(event room.Event, effect room.Effect) {
	if effect.Kind == room.Acted {
		r.current().Refusal, r.current().Creation = effect.Refusal, effect.Creation
	}
	seen := Seen{Conn: int(effect.Conn)}
	switch effect.Kind {
	case room.Send:
		seen.Frame = effect.Frame
	case room.Forward:
		seen.Frame = event.Frame
	case room.Close:
		seen.Code = int(effect.Code)
	case room.Ping:
		r.trace.Pings, seen.Ping = true, true
	default:
		return
	}
	step := r.current()
	step.Seen = append(step.Seen, seen)
}
