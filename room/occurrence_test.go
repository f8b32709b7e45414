package room

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher/protocol"
)

// told is what an operator knows of a room who is only told what happens in it.
type told struct {
	exists bool
	name   string
	mode   protocol.ControlMode
	host   string
	people map[string]*toldSeat
}

type toldSeat struct {
	name      string
	role      protocol.Role
	connected bool
}

// hear takes note of what is reported, and returns what is wrong with it, "" for nothing.
func (d *told) hear(nowMs int64, o *Occurrence) string {
	seat := d.people[o.UserID]
	switch o.Kind {
	case RoomCreated:
		*d = told{exists: true, name: o.Name, mode: o.Mode, people: map[string]*toldSeat{}}
	case RoomEnded:
		*d = told{}
	case RoomRenamed:
		d.name = o.Name
	case ModeChanged:
		d.mode = o.Mode
	case UserJoined:
		if seat != nil {
			return "joined twice"
		}
		d.people[o.UserID] = &toldSeat{o.Name, o.Role, true}
		if o.Role == protocol.Host && d.host == "" {
			d.host = o.UserID
		}
	case HostChanged:
		if d.host != o.PreviousID {
			return "the host was another"
		}
		d.host = o.UserID
	case UserLeft:
		delete(d.people, o.UserID)
		if len(d.people) == 0 {
			d.host = ""
		}
	}
	switch o.Kind {
	case UserLeft, UserDisconnected, UserReconnected, UserRenamed, RoleChanged, UserKicked:
		if seat == nil {
			return "who is that?"
		}
	}
	switch o.Kind {
	case UserDisconnected, UserReconnected:
		if connects := o.Kind == UserReconnected; seat.connected == connects && o.Reason != ReasonReplaced {
			return "it was so before"
		}
		seat.connected = o.Kind == UserReconnected
	case UserRenamed:
		seat.name = o.Name
	case RoleChanged:
		seat.role = o.Role
	}
	if o.AtMs != nowMs || o.Kind != RoomCreated && len(d.people) != o.People && o.Kind != UserJoined {
		return fmt.Sprintf("%d people at %d", o.People, o.AtMs)
	}
	return ""
}

// changesWho reports whether it is about who is in the room and who is host: webhooks are stored
// with the Save or Delete of its step.
func changesWho(kind OccurrenceKind) bool {
	switch kind {
	case RoomCreated, RoomEnded, HostChanged, UserJoined, UserLeft, UserKicked, UserBanned:
		return true
	}
	return false
}

// check compares what was reported with the room.
func (d *told) check(r *Room) string {
	if !r.config.Report {
		return ""
	}
	if d.exists != r.Exists() || d.name != r.name || d.mode != r.mode || len(d.people) != len(r.seats) {
		return fmt.Sprintf("reported was the room %+v", *d)
	}
	if r.host != nil && d.host != r.host.id {
		return fmt.Sprintf("reported was %q as host", d.host)
	}
	for _, s := range r.seats {
		if p := d.people[s.id]; p == nil || p.name != s.name || p.connected != (s.conn != nil) {
			return fmt.Sprintf("reported was %q as %+v", s.id, p)
		}
	}
	return ""
}

// A shell that does not want reports gets none, and pays nothing.
func TestReportsAreOnlyForWhomTheyAreMadeFor(t *testing.T) {
	w := seatedPair(t)
	w.config.Report = false
	for _, e := range w.room.Step(w.nowMs, received(1, `{"type":"LEAVE_ROOM","roomId":"room-1","userId":"u0"}`), nil) {
		if e.Kind == Report || e.Occurrence != nil {
			t.Error(e)
		}
	}
}

// A transcript shows when each kind is reported.
func TestEveryOccurrenceIsInATranscript(t *testing.T) {
	paths, err := filepath.Glob("testdata/report-*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for _, kind := range OccurrenceKinds() {
		if !strings.Contains(all.String(), "report "+kind.String()+" ") {
			t.Errorf("%q (kind %d) is in no transcript", kind, kind)
		}
	}
}
