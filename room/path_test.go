package room

import (
	"fmt"
	"testing"
)

// pathTemplates are reports among the templates.
var pathTemplates = []string{
	`{"type":"PATH_REPORT","roomId":"room-1","userId":"u%d","targetUserId":"u1","path":"NONE","hostCandidates":"MDNS","stun":"SILENT","turn":"NONE"}`,
	`{"type":"PATH_REPORT","roomId":"room-1","userId":"u%d","targetUserId":"u2","path":"DIRECT","hostCandidates":"ADDRESS","family":"BOTH","stun":"ANSWERED","turn":"FAILED"}`,
}

// However many reports a client sends, its attachment stays small, and a woken room has them all.
func TestReportsOfAConnectionAreBounded(t *testing.T) {
	w := seatedPair(t)
	w.config = DefaultConfig()
	w.config.MaxPeople = 250
	const report = `{"type":"PATH_REPORT","roomId":"room-1","userId":"u0","targetUserId":"p%d","path":"NONE","hostCandidates":"MDNS","family":"BOTH","stun":"SILENT","turn":"FAILED"}`
	first := w.room.seats[0]
	first.modern = true
	for i := range 2 * maxPathNotes {
		w.room.seats = append(w.room.seats, &seat{id: fmt.Sprintf("p%d", i), modern: true, joinedAtMs: w.nowMs, heldUntilMs: w.nowMs + 1, hold: &hold{}})
		w.room.Step(w.nowMs, received(1, fmt.Sprintf(report, i)), nil)
	}
	c := w.room.connOf(1)
	if len(c.notes()) != maxPathNotes || c.noteOn(w.room.seats[len(w.room.seats)-1]) == nil {
		t.Fatalf("%d reports are kept", len(c.notes()))
	}
	attachment := w.room.AppendAttachment(nil, 1)
	if len(attachment) > 1024 {
		t.Errorf("the attachment has %d bytes", len(attachment))
	}
	again := New(&w.config, "room-1")
	if !again.reattach(Attachment{Conn: 1, Bytes: attachment}) || fmt.Sprint(again.conns[0].notes()) != fmt.Sprint(c.notes()) {
		t.Errorf("%v is %v", c.notes(), again.conns)
	}
}
