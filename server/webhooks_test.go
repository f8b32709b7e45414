package server

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"usher/server/servertest"
	"usher/server/webhook"
)

// told is a program of the operator's.
type told struct {
	*httptest.Server
	secret string

	mu   sync.Mutex
	down bool
	seen map[string]bool
	got  []string
}

func newTold(t *testing.T) *told {
	p := &told{secret: webhook.NewSecret(), seen: map[string]bool{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *told) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	verifier, err := standardwebhooks.NewWebhook(p.secret)
	var event struct {
		Type string
		Data struct{ RoomID, UserID, Reason string }
	}
	switch {
	case p.down:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case err != nil, verifier.Verify(body, r.Header) != nil, json.Unmarshal(body, &event) != nil:
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if id := r.Header.Get("webhook-id"); !p.seen[id] {
		p.seen[id] = true
		p.got = append(p.got, strings.TrimSpace(strings.Join([]string{event.Data.RoomID, event.Type, event.Data.UserID, event.Data.Reason}, " ")))
	}
}

// expect waits until exactly this has come.
func (p *told) expect(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	defer func() {
		if t.Failed() {
			t.Logf("received are %q", got)
		}
	}()
	servertest.Eventually(t, "everything is received", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		got = slices.Clone(p.got)
		return slices.Equal(got, want)
	})
}

func (p *told) setDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// tells makes a server tell the program.
func (p *told) tells(t *testing.T) func(*Config) {
	file := filepath.Join(t.TempDir(), "secret")
	writeFile(t, file, []byte(p.secret+"\n"))
	return func(c *Config) {
		c.Webhook.URL, c.Webhook.SecretFile, c.Webhook.AllowHTTP, c.Webhook.AllowPrivate = p.URL, file, true, true
	}
}

// A program of the operator's is told who comes and goes, also of what was stored before a crash.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	p := newTold(t)
	s := serve(t, p.tells(t))
	ann := s.open("room-1", "ann")
	ann.create(`"protocol":1`)
	bob := s.open("room-1", "bob")
	bob.join(`"protocol":1`)
	ann.expect("USER_JOINED")
	ann.say("TRANSFER_HOST", `"targetUserId":"bob"`)
	bob.expect("HOST_CHANGED")
	p.expect(t, "room-1 room.created", "room-1 user.joined ann", "room-1 user.joined bob", "room-1 room.host_changed bob transferred")
	servertest.Eventually(t, "nothing waits", func() bool { return waiting(t, s).Depth == 0 })

	p.setDown(true)
	bob.say("KICK_USER", `"targetUserId":"ann"`, `"ban":true`)
	bob.expect("USER_LEFT") // so it is stored
	crashed := s.copyStore()
	other := newTold(t) // the first server goes on telling p
	after := launch(t, crashed, other.tells(t))
	other.expect(t, "room-1 user.kicked ann", "room-1 user.banned ann", "room-1 user.left ann banned")
	servertest.Eventually(t, "nothing waits", func() bool { return waiting(t, after).Depth == 0 })
}

// expectOf waits until exactly this has come of a room.
func (p *told) expectOf(t *testing.T, roomID string, want ...string) {
	t.Helper()
	var got []string
	defer func() {
		if t.Failed() {
			t.Logf("of %s are received %q", roomID, got)
		}
	}()
	servertest.Eventually(t, "everything of a room is received", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		got = nil
		for _, line := range p.got {
			if event, is := strings.CutPrefix(line, roomID+" "); is {
				got = append(got, event)
			}
		}
		return slices.Equal(got, want)
	})
}

// waiting is what usher webhooks list gets, once the server has its socket.
func waiting(t *testing.T, s *running) (list webhook.Listing) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(s.dir, webhook.SocketName))
	}}}
	defer client.CloseIdleConnections()
	var response *http.Response
	servertest.Eventually(t, "webhooks are listed", func() (isListed bool) {
		var err error
		response, err = client.Get("http://usher/webhooks")
		return err == nil
	})
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	return list
}

// The data folder's owner sees what waits, through a socket that nobody else may open.
func TestWebhooksThatWaitAreListed(t *testing.T) {
	t.Parallel()
	p := newTold(t)
	p.setDown(true)
	s := serve(t, p.tells(t))
	s.open("room-1", "ann").create()
	list := waiting(t, s)
	if list.Depth != 2 || len(list.Waiting) != 2 || list.Waiting[1].RoomID != "room-1" || !strings.Contains(string(list.Waiting[1].Body), `"user.joined"`) {
		t.Errorf("%+v", list)
	}
	if info, err := os.Stat(filepath.Join(s.dir, webhook.SocketName)); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("%v, %v", info, err)
	}
	_, metrics := s.ask("GET", "/metrics")
	if !strings.Contains(metrics, "\nusher_webhook_messages_waiting 2\n") {
		t.Error("the metrics do not show them")
	}
}

// SIGHUP changes the secret.
func TestWebhookSecretsAreReadAgain(t *testing.T) {
	t.Parallel()
	p := newTold(t)
	var file string
	s := serve(t, func(c *Config) {
		p.tells(t)(c)
		file = c.Webhook.SecretFile
	})
	s.open("room-1", "ann").create()
	p.expect(t, "room-1 room.created", "room-1 user.joined ann")
	p.mu.Lock()
	older := p.secret
	p.secret = webhook.NewSecret()
	writeFile(t, file, []byte(p.secret+"\n"+older+"\n"))
	p.mu.Unlock()
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	s.open("room-2", "bob").create()
	p.expect(t, "room-1 room.created", "room-1 user.joined ann", "room-2 room.created", "room-2 user.joined bob")
	writeFile(t, file, []byte("not a secret"))
	if err := s.Reload(); err == nil || strings.Contains(err.Error(), "not a secret") {
		t.Errorf("%v", err)
	}
}

// Of a cluster one node sends what happens on all of them, and any node lists and replays it.
func TestWebhooksOfACluster(t *testing.T) {
	t.Parallel()
	p := newTold(t)
	nodes := launchCluster(t, p.tells(t))
	ids := []string{"hooks-1", "hooks-2", "hooks-3", "hooks-4"}
	for i, id := range ids {
		nodes[i%3].open(id, "ann").create(`"protocol":1`)
		bob := nodes[(i+1)%3].open(id, "bob")
		bob.join(`"protocol":1`)
		bob.say("LEAVE_ROOM")
		p.expectOf(t, id, "room.created", "user.joined ann", "user.joined bob", "user.left bob left")
	}
	sends := -1
	for i, n := range nodes {
		if !strings.Contains(get(t, n, "/metrics"), `usher_webhook_requests_total{result="delivered"} 0`) {
			if sends >= 0 {
				t.Errorf("nodes %d and %d have sent", sends+1, i+1)
			}
			sends = i
		}
	}
	p.setDown(true)
	for i, id := range ids {
		nodes[i%3].open(id, "cy").join(`"protocol":1`)
	}
	for _, n := range nodes {
		servertest.Eventually(t, "each node lists all that waits", func() bool { return waiting(t, n).Depth == len(ids) })
	}
	// The next node sends once the one that does has handed over.
	nodes[sends].mayNotStore = false
	nodes[sends].stop()
	p.setDown(false)
	for _, id := range ids {
		p.expectOf(t, id, "room.created", "user.joined ann", "user.joined bob", "user.left bob left", "user.joined cy")
	}
	servertest.Eventually(t, "nothing waits", func() bool { return waiting(t, nodes[(sends+1)%3]).Depth == 0 })
}
