package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/auth"
	"usher/server/rooms"
)

// elsewhere is a cluster whose rooms another node owns.
type elsewhere struct{}

func (elsewhere) Create(context.Context, string, room.Arrangement) (room.Creation, protocol.Code) {
	return room.Creation{}, ""
}
func (elsewhere) Operate(context.Context, string, room.Act) protocol.Code { return "" }
func (elsewhere) View(context.Context, string) (room.View, protocol.Code) { return room.View{}, "" }
func (elsewhere) Find(string, string, int) ([]rooms.Entry, bool, int)     { return nil, false, 0 }
func (elsewhere) Watch(context.Context, string, func(rooms.Signal)) (func(), protocol.Code) {
	return nil, protocol.CodeRoomUnavailable
}
func (elsewhere) Dump(context.Context, string) ([]byte, protocol.Code) {
	return nil, protocol.CodeRoomUnavailable
}
func (elsewhere) Operator(string) (string, auth.Scopes) { return "ops", auth.AllScopes }
func (elsewhere) Issue(*auth.Claims) (string, error)    { return "", auth.ErrNoPrivateKey }
func (elsewhere) Invite(auth.Invite) string             { return "" }

func serveElsewhere() *API {
	a := New()
	a.Open(Config{Rooms: elsewhere{}, Own: elsewhere{}, Auth: elsewhere{}, OwnerAddress: func(string) string { return "node-2:80" }, Log: slog.New(slog.DiscardHandler)})
	return a
}

// A room can be watched only where it is, and whoever asks is told where.
func TestARoomElsewhereIsNotWatched(t *testing.T) {
	a := serveElsewhere()
	for _, rt := range a.Routes() {
		if !strings.HasSuffix(rt.Path, "/signaling") {
			continue
		}
		r := httptest.NewRequest("GET", "/api/v1/rooms/room-1/signaling", nil)
		r.SetPathValue("roomId", "room-1")
		w := httptest.NewRecorder()
		rt.Handler(w, r)
		if text := w.Body.String(); w.Code != 421 || !strings.Contains(text, string(protocol.CodeRoomElsewhere)) || !strings.Contains(text, "node-2:80") {
			t.Error(w.Code, text)
		}
	}
}

// The ring is bounded: a reader who is too late is told where it goes on.
func TestALateReaderIsToldOfTheGap(t *testing.T) {
	r := newRing(time.UnixMilli(1))
	from, missing := r.after("")
	if from != 1 || missing {
		t.Fatal(from, missing)
	}
	for i := range ringSize + 10 {
		r.add("room-1", []*room.Occurrence{{Kind: room.UserJoined, AtMs: int64(i)}})
	}
	events, first, missing := r.read(from, nil)
	if !missing || first != 11 || len(events) != readAtOnce || events[0].what.AtMs != 10 {
		t.Error(first, missing, len(events), events[0].what.AtMs)
	}
	if next, missing := r.after(r.id(ringSize + 9)); missing || next != ringSize+10 {
		t.Error(next, missing)
	}
	for _, id := range []string{"other-1", "1-9999999", "1-x", "nonsense", r.id(ringSize + 11)} {
		if next, missing := r.after(id); !missing || next != 11 {
			t.Errorf("%s: %d %t", id, next, missing)
		}
	}
}

// A watcher who is too slow misses messages, which are counted, and holds up nobody.
func TestATapIsBounded(t *testing.T) {
	var tapped tap
	for range watchSize + 3 {
		tapped.add(rooms.Signal{})
	}
	if signals, lost := tapped.take(); len(signals) != watchSize || lost != 3 {
		t.Error(len(signals), lost)
	}
	if signals, lost := tapped.take(); len(signals)+lost != 0 {
		t.Error(len(signals), lost)
	}
}

// A stream that is one too many is refused.
func TestStreamsAreBounded(t *testing.T) {
	a := New()
	a.streams.Add(maxStreams)
	if refused := a.stream(httptest.NewRecorder(), nil, nil); refused == nil || refused.code != protocol.CodeRateLimited {
		t.Error(refused)
	}
	if a.streams.Load() != maxStreams {
		t.Error("a refused stream is counted")
	}
}

// HEAD of a stream is over at once, though a stream is not.
func TestHeadOfAStreamEnds(t *testing.T) {
	a := serveElsewhere()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // for what would stream
	w := httptest.NewRecorder()
	a.serve(find("readEvents"), w, httptest.NewRequestWithContext(ctx, "HEAD", "/api/v1/events", nil))
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/event-stream" || w.Body.Len() > 0 {
		t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
	}
}

// TestTheDocumentIsCurrent: openapi.json is what the Go types say now.
func TestTheDocumentIsCurrent(t *testing.T) {
	if !json.Valid(Document()) {
		t.Fatal("openapi.json is not JSON")
	}
	command := exec.Command("go", "run", "./generate", "-check")
	if text, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, text)
	}
}
