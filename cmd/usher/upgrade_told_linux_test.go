package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"usher/server/auth"
	"usher/server/webhook"
)

// tally counts what is told of rooms, as "type room".
type tally struct {
	mu   sync.Mutex
	seen map[string]bool // ids
	// counts are without repetitions of an id, which repeated counts.
	counts   map[string]int
	repeated int
	problem  string
}

func newTally() *tally { return &tally{seen: map[string]bool{}, counts: map[string]int{}} }

// told is what webhooks, the stream of events and the audit log have in common.
type told struct {
	Type string
	Data struct{ RoomID string }
}

func (c *tally) add(id string, text []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var e told
	if err := json.Unmarshal(text, &e); err != nil {
		c.problem = err.Error()
	}
	if c.seen[id] {
		c.repeated++
		return
	}
	c.seen[id] = true
	c.counts[e.Type+" "+e.Data.RoomID]++
}

// missing returns what has not come exactly once of the types for the rooms.
func (c *tally) missing(rooms []string, types ...string) (missing []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, room := range rooms {
		for _, kind := range types {
			if n := c.counts[kind+" "+room]; n != 1 {
				missing = append(missing, fmt.Sprintf("%s %s: %d", kind, room, n))
			}
		}
	}
	return missing
}

// ServeHTTP receives webhooks.
func (c *tally) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var body json.RawMessage
	_ = json.NewDecoder(r.Body).Decode(&body)
	c.add(r.Header.Get("webhook-id"), body)
}

// follow reads the stream of events until ctx is done, and resumes it whenever it ends.
func (c *tally) follow(ctx context.Context, url, key string) {
	last := ""
	for ctx.Err() == nil {
		request, _ := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v1/events", nil)
		request.Header.Set("Authorization", "Bearer "+key)
		if last != "" {
			request.Header.Set("Last-Event-ID", last)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			continue
		}
		id, name := "", ""
		for lines := bufio.NewScanner(response.Body); response.StatusCode == http.StatusOK && lines.Scan(); {
			key, value, _ := strings.Cut(lines.Text(), ": ")
			switch key {
			case "id":
				id = value
			case "event":
				name = value
			case "data":
				c.add(id, []byte(value))
			case "":
				if name == "gap" {
					c.mu.Lock()
					c.problem = "a gap before " + id
					c.mu.Unlock()
				}
				last, name = id, ""
			}
		}
		response.Body.Close()
	}
}

// lockRoom makes a room whose host locks it, and leaves.
func lockRoom(ctx context.Context, address, room string) error {
	ws, _, err := websocket.Dial(ctx, "ws://"+address+"/ws?roomId="+room, nil)
	if err != nil {
		return err
	}
	defer ws.CloseNow()
	for _, step := range [][2]string{
		{`{"type":"CREATE_ROOM","roomId":%q,"userId":"ann","userName":"Ann","protocol":1,"timestamp":1}`, `"ROOM_CREATED"`},
		{`{"type":"SET_DOOR","roomId":%q,"userId":"ann","timestamp":1,"entry":"LOCKED"}`, `"LOCKED"`},
	} {
		if err := ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil, step[0], room)); err != nil {
			return err
		}
		if _, reply, err := ws.Read(ctx); err != nil || !strings.Contains(string(reply), step[1]) {
			return errors.Join(err, errors.New(string(reply)))
		}
	}
	return nil
}

// lockRooms locks one room after the other until ctx is done, and returns those that are locked.
func lockRooms(ctx context.Context, address, prefix string) (locked []string) {
	for n := 0; sleep(ctx, 20*time.Millisecond); n++ { // the ring of events has 4 096
		if room := fmt.Sprintf("%s-%d", prefix, n); lockRoom(ctx, address, room) == nil {
			locked = append(locked, room)
		}
	}
	return locked
}

// auditedIn counts the whole lines of an audit log.
func auditedIn(path string) *tally {
	text, _ := os.ReadFile(path)
	c := newTally()
	for n, line := range strings.SplitAfter(string(text), "\n") {
		if strings.HasSuffix(line, "\n") {
			c.add(fmt.Sprint(n), []byte(line))
		}
	}
	return c
}

func TestUpgradesTellEverythingOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	hooks, events, log := newTally(), newTally(), filepath.Join(dir, "audit.log")
	receiver := httptest.NewServer(hooks)
	defer receiver.Close()
	key, hash := auth.NewAPIKey()
	u := startUpgradable(t, "--webhook-url", receiver.URL, "--webhook-secret-file", file("secret", webhook.NewSecret()),
		"--webhook-allow-private", "true", "--webhook-allow-http", "true", "--audit-log", log,
		"--api-key-file", file("keys", "reader "+hash+" read\n"))
	ctx, stop := context.WithCancel(t.Context())
	var reading, locking sync.WaitGroup
	defer reading.Wait()
	following, unfollow := context.WithCancel(t.Context())
	defer unfollow()
	reading.Go(func() { events.follow(following, "http://"+u.address, key) })
	tries := 0
	u.eventually("somebody reads", func() bool {
		tries++
		_ = lockRoom(ctx, u.address, fmt.Sprintf("first-%d", tries))
		return events.len() > 0
	})
	var mu sync.Mutex
	var locked []string
	for i := range 4 {
		locking.Go(func() {
			rooms := lockRooms(ctx, u.address, fmt.Sprintf("locked-%d", i))
			mu.Lock()
			defer mu.Unlock()
			locked = append(locked, rooms...)
		})
	}
	for range 3 {
		before := hooks.len()
		u.eventually("something happens", func() bool { return hooks.len() > before+20 })
		u.upgrade()
	}
	stop()
	locking.Wait()
	audited, missing := newTally(), []string(nil)
	defer func() {
		if t.Failed() {
			t.Logf("not told once: %q", missing[:min(len(missing), 20)])
		}
	}()
	u.eventually("everything is told once", func() bool {
		audited = auditedIn(log)
		missing = slices.Concat(hooks.missing(locked, "room.created", "user.joined"), audited.missing(locked, "room.door_changed"),
			events.missing(locked, "room.created", "user.joined", "room.door_changed"))
		return len(missing) == 0
	})
	for name, c := range map[string]*tally{"webhooks": hooks, "events": events, "audit log": audited} {
		// A webhook that takes its receiver long is sent again, with its id.
		if c.problem != "" || c.repeated > 0 && c != hooks {
			t.Errorf("%s: %s, %d repetitions", name, c.problem, c.repeated)
		}
	}
	t.Logf("%d rooms, %d webhooks, %d of them sent again", len(locked), hooks.len(), hooks.repeated)
}

func (c *tally) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seen)
}
