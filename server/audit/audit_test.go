package audit

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher/protocol"
	"usher/room"
	"usher/server/metrics"
)

// kick is what a host does, leave what follows from an act, and joins no act at all.
var (
	kick  = &room.Occurrence{Kind: room.UserKicked, UserID: "bob", Name: "Robert", ActorID: "ann", ActorRole: protocol.Host, People: 2}
	leave = &room.Occurrence{Kind: room.UserLeft, UserID: "bob", Name: "Robert", Reason: room.ReasonKicked, People: 1, ByOperator: true}
	joins = &room.Occurrence{Kind: room.UserJoined, UserID: "cem", People: 2}
	rooms = &room.Occurrence{Kind: room.RoomCreated, Name: "Film night", ByOperator: true, ActorID: "deploy"}
)

const kicked = `{"type":"user.kicked","timestamp":"1970-01-01T00:00:00Z","data":{"roomId":"film","people":2,"userId":"bob","actor":{"userId":"ann","role":"HOST"}}}` + "\n"

type opened struct {
	*Log
	path    string
	metrics *metrics.Audit
	log     *bytes.Buffer
}

func open(t *testing.T, path string, names bool) *opened {
	t.Helper()
	o := &opened{path: path, metrics: metrics.New().ShowAudit(), log: new(bytes.Buffer)}
	var err error
	if o.Log, err = Open(Config{Path: path, Names: names, Metrics: o.metrics, Log: slog.New(slog.NewTextHandler(o.log, nil))}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Acts are written, a line each, and nothing else is.
func TestActsAreWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, path, false)
	l.Happened("film", []*room.Occurrence{joins, kick, leave, rooms})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	want := kicked +
		`{"type":"room.created","timestamp":"1970-01-01T00:00:00Z","data":{"roomId":"film","people":0,"controlMode":"HOST_ONLY","actor":{"operator":true,"name":"deploy"}}}` + "\n"
	if got := read(t, path); got != want {
		t.Errorf("got\n%s want\n%s", got, want)
	}
	if l.metrics.Written.Load() != 2 || l.metrics.Lost.Load() != 0 {
		t.Errorf("written %d, lost %d", l.metrics.Written.Load(), l.metrics.Lost.Load())
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
}

// Names are only written if they are asked for.
func TestNamesAreLeftOut(t *testing.T) {
	for _, names := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "audit.log")
		l := open(t, path, names)
		l.Happened("film", []*room.Occurrence{kick, rooms})
		_ = l.Close()
		if got := read(t, path); strings.Contains(got, "Robert") != names || strings.Contains(got, "Film night") != names {
			t.Errorf("names %t: %s", names, got)
		}
	}
}

// What a log rotation has renamed is no longer written to, and a file is appended to.
func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, []byte("earlier\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := open(t, path, false)
	l.put([]byte("old\n"))
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	l.put([]byte("new\n"))
	if old, now := read(t, path+".1"), read(t, path); old != "earlier\nold\n" || now != "new\n" {
		t.Errorf("old %q, new %q", old, now)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err == nil {
		t.Error("a folder is opened")
	}
	l.put([]byte("still\n")) // into the file that is open
	if l.metrics.Written.Load() != 3 {
		t.Errorf("%d written", l.metrics.Written.Load())
	}
}

// Failures are counted, and the log says so once.
func TestFailuresAreCounted(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "audit.log"), false)
	good := l.file.File
	broken, err := os.Open(l.path) // it can only be read
	if err != nil {
		t.Fatal(err)
	}
	l.file.File = broken
	l.put([]byte("a\nb\n"))
	l.put([]byte("c\n"))
	l.file.File = good
	l.put([]byte("d\n"))
	_ = broken.Close()
	if l.metrics.Lost.Load() != 3 || l.metrics.Written.Load() != 1 || strings.Count(l.log.String(), "cannot be written") != 1 ||
		!strings.Contains(l.log.String(), "written again") {
		t.Errorf("lost %d, written %d, log:\n%s", l.metrics.Lost.Load(), l.metrics.Written.Load(), l.log)
	}
	l.file.torn = true // part of a line was written
	l.put([]byte("e\n"))
	if got := read(t, l.path); got != "d\n\ne\n" {
		t.Errorf("%q", got)
	}
}

// Rooms never wait for the file: more than may wait is lost.
func TestNobodyWaitsForTheFile(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "audit.log"), false)
	l.file.Lock()
	const acts = 3 * maxWaitingBytes / len(kicked)
	for range acts {
		l.Happened("film", []*room.Occurrence{kick})
	}
	l.file.Unlock()
	_ = l.Close()
	lost, written := l.metrics.Lost.Load(), l.metrics.Written.Load()
	if lost == 0 || written == 0 || lost+written != uint64(acts) {
		t.Errorf("lost %d, written %d of %d", lost, written, acts)
	}
	l.Happened("film", []*room.Occurrence{kick}) // too late
	if l.metrics.Lost.Load() != lost+1 {
		t.Error("a line after the end is not counted")
	}
}
