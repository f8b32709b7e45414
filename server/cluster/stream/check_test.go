package stream

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"usher/server/cluster/broker"
	"usher/server/cluster/lease"
)

// wantError checks the kind, and that the hint says what to do.
func wantError(t *testing.T, err, kind error, advice string) {
	t.Helper()
	var fault *broker.Error
	if !errors.As(err, &fault) || !errors.Is(err, kind) || !strings.Contains(fault.Hint, advice) {
		t.Errorf("the error is %v, with the hint %q; want %v and %q", err, hint(fault), kind, advice)
	}
}

// A stream with other settings is refused, and the refusal names the setting.
func TestWrongSettingsAreRefused(t *testing.T) {
	if err := wanted(3).check(wanted(3)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*settings){
		"num_replicas 3":         func(c *settings) { c.Replicas = 1 },
		"storage file":           func(c *settings) { c.Storage = "memory" },
		"persist_mode default":   func(c *settings) { c.PersistMode = "async" },
		"max_msgs_per_subject 1": func(c *settings) { c.MaxPerSubject = 5 },
		"allow_direct true":      func(c *settings) { c.AllowDirect = false },
		"allow_msg_ttl true":     func(c *settings) { c.AllowTTL = false },
		"deny_delete true":       func(c *settings) { c.DenyDelete = false },
		"retention limits":       func(c *settings) { c.Retention = "workqueue" },
		"max_age 0":              func(c *settings) { c.MaxAge = int64(time.Hour) },
		"max_msgs -1":            func(c *settings) { c.MaxMessages = 1000 },
		"discard new":            func(c *settings) { c.Discard, c.MaxBytes = "old", 1<<20 },
		"max_msg_size -1":        func(c *settings) { c.MaxSize = 1024 },
		"sealed false":           func(c *settings) { c.Sealed = true },
		"no_ack false":           func(c *settings) { c.NoAck = true },
		"mirror none":            func(c *settings) { c.Mirror = "x" },
		"sources none":           func(c *settings) { c.Sources = []any{"x"} },
		"subject_transform none": func(c *settings) { c.Transform = "x" },
		"u.room.*.* subjects":    func(c *settings) { c.Subjects = []string{"u.>"} },
	} {
		c := wanted(3)
		change(c)
		setting, value, _ := strings.Cut(name, " ")
		if value == "subjects" {
			setting, value = value, setting
		}
		err := c.check(wanted(3))
		if err == nil || !strings.Contains(err.Error(), setting) {
			t.Errorf("%s: %v", name, err)
		}
		wantError(t, err, broker.ErrSettings, value)
	}
}

// While the servers elect a leader, the check of each minute finds as many copies as there are.
func TestCopiesAreCountedWithoutALeader(t *testing.T) {
	for _, row := range []struct {
		cluster string
		copies  int
	}{
		{`{"leader":"a","replicas":[{"name":"b"},{"name":"c"}]}`, 3},
		{`{"replicas":[{"name":"a"},{"name":"b"},{"name":"c"}]}`, 3},
		{`{"leader":"a"}`, 1},
		{`{}`, 1},
	} {
		var found info
		if err := json.Unmarshal([]byte(`{"cluster":`+row.cluster+`}`), &found); err != nil {
			t.Fatal(err)
		}
		if got := found.copies(); got != row.copies {
			t.Errorf("%s: %d copies", row.cluster, got)
		}
	}
}

// The checks hold against what a server really answers.
func TestStartChecks(t *testing.T) {
	for _, row := range []struct {
		name  string
		setUp func(t *testing.T, conn *nats.Conn)
		kind  error
		hint  string
	}{
		{"another stream of that name", func(t *testing.T, conn *nats.Conn) {
			c := wanted(1)
			c.MaxPerSubject, c.DenyDelete = -1, false
			ask(t, conn, "$JS.API.STREAM.CREATE."+Name, c)
		}, broker.ErrSettings, "max_msgs_per_subject to 1"},
		{"a stream in memory", func(t *testing.T, conn *nats.Conn) {
			c := wanted(1)
			c.Storage = "memory"
			ask(t, conn, "$JS.API.STREAM.CREATE."+Name, c)
		}, broker.ErrSettings, "storage file"},
		{"another count of shards", func(t *testing.T, conn *nats.Conn) {
			ask(t, conn, "$JS.API.STREAM.CREATE."+Name, wanted(1))
			ask(t, conn, metaKey, meta{Format: metaFormat, Shards: 16, Secret: make([]byte, 32)})
		}, broker.ErrMeta, "as many shards"},
		{"a newer format", func(t *testing.T, conn *nats.Conn) {
			ask(t, conn, "$JS.API.STREAM.CREATE."+Name, wanted(1))
			ask(t, conn, metaKey, meta{Format: metaFormat + 1, Shards: lease.Shards, Secret: make([]byte, 32)})
		}, broker.ErrMeta, "newer one"},
		{"a meta without a key", func(t *testing.T, conn *nats.Conn) {
			ask(t, conn, "$JS.API.STREAM.CREATE."+Name, wanted(1))
			ask(t, conn, metaKey, meta{Format: metaFormat, Shards: lease.Shards})
		}, broker.ErrMeta, "backup"},
		{"a meta that is none", func(t *testing.T, conn *nats.Conn) {
			ask(t, conn, "$JS.API.STREAM.CREATE."+Name, wanted(1))
			ask(t, conn, metaKey, "?")
		}, broker.ErrMeta, "backup"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := single(t)
			row.setUp(t, b.Conn())
			s, err := Open(t.Context(), Config{Conn: b.Conn(), Replicas: 1, Term: owner(1, 0), Log: testLog(t)})
			if err == nil {
				s.Close()
			}
			wantError(t, err, row.kind, row.hint)
		})
	}
}

// A stream that somebody has made by hand, each time with one setting that is wrong, is refused by
// what a real server says of it.
func TestAStreamMadeByHandIsRefused(t *testing.T) {
	b := single(t)
	for _, row := range []struct {
		name   string
		change func(*settings)
		hint   string
	}{
		{"memory", func(c *settings) { c.Storage = "memory" }, "storage file"},
		{"old messages make way", func(c *settings) { c.Discard, c.MaxBytes = "old", 1<<20 }, "discard to new"},
		{"a bound on all messages", func(c *settings) { c.Discard, c.MaxMessages = "new", 1000 }, "max_msgs to -1"},
		{"many messages of a key", func(c *settings) { c.MaxPerSubject = 5 }, "max_msgs_per_subject to 1"},
		{"no TTLs", func(c *settings) { c.AllowTTL = false }, "allow_msg_ttl to true"},
		{"an age", func(c *settings) { c.MaxAge = int64(time.Hour) }, "max_age to 0"},
		{"small messages", func(c *settings) { c.MaxSize = 1024 }, "max_msg_size to -1"},
		{"markers of what has ended", func(c *settings) { c.MarkerTTL = int64(time.Minute) }, "subject_delete_marker_ttl to 0"},
		{"interest", func(c *settings) { c.Retention = "interest" }, "retention limits"},
		{"a work queue", func(c *settings) { c.Retention = "workqueue" }, "retention limits"},
		{"no direct reads", func(c *settings) { c.AllowDirect = false }, "allow_direct to true"},
		{"messages may be deleted", func(c *settings) { c.DenyDelete = false }, "deny_delete to true"},
		{"no acknowledgements", func(c *settings) { c.NoAck = true }, "no_ack to false"},
		{"a mirror", func(c *settings) {
			*c = settings{Name: Name, Retention: "limits", Discard: "new", Storage: "file", Replicas: 1, MaxPerSubject: 1, MaxMessages: -1,
				MaxBytes: -1, MaxSize: -1, MaxConsumers: -1, AllowDirect: true, AllowTTL: true, DenyDelete: true, Mirror: map[string]string{"name": "OTHER"}}
		}, "mirror none"},
		{"a source", func(c *settings) { c.Sources = []any{map[string]string{"name": "OTHER"}} }, "sources to none"},
		{"a transform", func(c *settings) { c.Transform = map[string]string{"src": "u.probe", "dest": "u.meta"} }, "subject_transform to none"},
		{"more subjects", func(c *settings) { c.Subjects = append(c.Subjects, "u.hint") }, "set them to"},
		{"fewer subjects", func(c *settings) { c.Subjects = c.Subjects[:2] }, "set them to"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := wanted(1)
			row.change(c)
			ask(t, b.Conn(), "$JS.API.STREAM.CREATE."+Name, c)
			defer ask(t, b.Conn(), "$JS.API.STREAM.DELETE."+Name, nil)
			s, err := Open(t.Context(), Config{Conn: b.Conn(), Replicas: 1, Term: owner(1, 0), Log: testLog(t)})
			if err == nil {
				s.Close()
			}
			wantError(t, err, broker.ErrSettings, row.hint)
		})
	}
	ask(t, b.Conn(), "$JS.API.STREAM.CREATE."+Name, wanted(1))
	_, err := Open(t.Context(), Config{Conn: b.Conn(), Replicas: 3, Term: owner(1, 0), Log: testLog(t)})
	wantError(t, err, broker.ErrSettings, "num_replicas to 3")
}

// ask asks JetStream, and fails the test for an error.
func ask(t *testing.T, conn *nats.Conn, subject string, body any) {
	t.Helper()
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	m, err := conn.Request(subject, data, patience)
	if err != nil || strings.Contains(string(m.Data), `"error"`) {
		t.Fatalf("%s: %s, %v", subject, m.Data, err)
	}
}

// What becomes wrong while the node runs is found by the check of each minute.
func TestCheckEachMinute(t *testing.T) {
	b := single(t)
	s := opened(t, b.Conn(), Config{Term: owner(1, 0)}, quick())
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := wanted(1)
	c.MaxAge = int64(time.Hour)
	ask(t, b.Conn(), "$JS.API.STREAM.UPDATE."+Name, c)
	wantError(t, s.Check(t.Context()), broker.ErrSettings, "max_age")
	ask(t, b.Conn(), "$JS.API.STREAM.DELETE."+Name, nil)
	wantError(t, s.Check(t.Context()), broker.ErrSettings, "restore")
}

// Without enough servers for the replicas the stream cannot be created, and the error says so.
func TestTooFewServers(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := Open(ctx, Config{Conn: single(t).Conn(), Replicas: 3, Term: owner(1, 0), Log: testLog(t)})
	wantError(t, err, broker.ErrUnreachable, "replicas")
}

// Many nodes may start at once: one makes u.meta, all have its key.
func TestOneSecretForAll(t *testing.T) {
	b := single(t)
	var mu sync.Mutex
	secrets := make(map[[32]byte]int)
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			s, err := Open(t.Context(), Config{Conn: b.Conn(), Replicas: 1, Term: owner(1, 0), Log: testLog(t)})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			mu.Lock()
			defer mu.Unlock()
			secrets[s.Secret()]++
		})
	}
	all.Wait()
	if len(secrets) != 1 || secrets[[32]byte{}] != 0 {
		t.Errorf("%d secrets", len(secrets))
	}
}

func hint(e *broker.Error) string {
	if e == nil {
		return ""
	}
	return e.Hint
}
