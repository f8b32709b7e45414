package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/coder/websocket"

	"usher/protocol"
	"usher/server/cluster/lease"
	"usher/server/servertest"
)

// receiver is the operator's program. It forgets what it has seen by its id.
type receiver struct {
	isDown atomic.Bool

	mu   sync.Mutex
	seen map[string]bool
	got  map[string][]string // by rooms
	// again counts what came a second time.
	again int
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	var event struct {
		Type string
		Data struct{ RoomID, UserID string }
	}
	body, err := io.ReadAll(request.Body)
	if r.isDown.Load() || err != nil || json.Unmarshal(body, &event) != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	id := request.Header.Get("webhook-id")
	if r.seen[id] {
		r.again++
		return
	}
	r.seen[id] = true
	r.got[event.Data.RoomID] = append(r.got[event.Data.RoomID], strings.TrimSpace(event.Type+" "+event.Data.UserID))
}

// missing returns what somebody was shown and the receiver was not told, as it came, or something
// that came before it.
func (r *receiver) missing(shown map[string][]string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, want := range shown {
		if got := r.got[id]; len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
			return fmt.Sprintf("room %s: %q was shown, and %q received", id, want, got)
		}
	}
	return ""
}

// hosts are people who make rooms and change them, and note what they were shown.
type hosts struct {
	cluster *cluster

	mu    sync.Mutex
	shown map[string][]string
}

func (h *hosts) note(roomID string, events ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shown[roomID] = append(h.shown[roomID], events...)
}

func (h *hosts) count() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, events := range h.shown {
		n += len(events)
	}
	return n
}

// live makes a room and lets others in and out until something fails, and then another one.
func (h *hosts) live(ctx context.Context, host int) {
	for number := 0; ctx.Err() == nil; number++ {
		if err := h.keep(ctx, host+number, fmt.Sprintf("room-%d-%d", host, number)); err != nil {
			pause(ctx, maxDelay)
		}
	}
}

func (h *hosts) keep(ctx context.Context, node int, roomID string) error {
	ann, err := h.open(ctx, node, roomID)
	if err != nil {
		return err
	}
	defer func() { _ = ann.CloseNow() }()
	as := func(userID string) protocol.BaseSignalingMessage {
		return protocol.BaseSignalingMessage{RoomID: roomID, UserID: userID, Timestamp: 1}
	}
	create := protocol.CreateRoomMessage{BaseSignalingMessage: as("ann"), UserName: "Ann", Protocol: protocol.Version}
	if err := say(ctx, ann, create.Append(nil), "ROOM_CREATED", "ann", ann); err != nil {
		return err
	}
	h.note(roomID, "room.created", "user.joined ann")
	for number := 1; ; number++ {
		bob := fmt.Sprint("bob-", number)
		socket, err := h.open(ctx, node+1, roomID)
		if err != nil {
			return err
		}
		join := protocol.JoinRoomMessage{BaseSignalingMessage: as(bob), UserName: bob, Protocol: protocol.Version}
		err = say(ctx, socket, join.Append(nil), "USER_JOINED", bob, ann)
		if err == nil {
			h.note(roomID, "user.joined "+bob)
			kick := protocol.KickUserMessage{BaseSignalingMessage: as("ann"), TargetUserID: bob}
			err = say(ctx, ann, kick.Append(nil), "USER_LEFT", bob, ann)
		}
		_ = socket.CloseNow()
		if err != nil {
			return err
		}
		h.note(roomID, "user.kicked "+bob, "user.left "+bob)
		pause(ctx, tick)
	}
}

func (h *hosts) open(ctx context.Context, node int, roomID string) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	socket, _, err := websocket.Dial(ctx, "ws://"+h.cluster.nodes[node%nodes].listen+"/ws?roomId="+roomID, &websocket.DialOptions{HTTPClient: h.cluster.http})
	return socket, err
}

// say sends a message on a socket, and reads another until what it brings about is shown there.
func say(ctx context.Context, socket *websocket.Conn, message []byte, shown, userID string, reads *websocket.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	if err := socket.Write(ctx, websocket.MessageText, message); err != nil {
		return err
	}
	for {
		_, text, err := reads.Read(ctx)
		if err != nil {
			return err
		}
		var f frame
		if err := json.Unmarshal(text, &f); err != nil {
			return err
		}
		switch {
		case f.Type == "ERROR":
			return errRefused
		case f.Type == shown && strings.Contains(string(text), `"`+userID+`"`):
			return nil
		}
	}
}

// told is a cluster that tells a receiver, and people whom it tells of.
type told struct {
	*testing.T
	*cluster
	receiver receiver
	hosts    hosts
}

func newTold(t *testing.T) *told {
	folder := t.TempDir()
	r := &told{T: t, receiver: receiver{seen: map[string]bool{}, got: map[string][]string{}}}
	server := httptest.NewServer(&r.receiver)
	t.Cleanup(server.Close)
	secret := filepath.Join(folder, "webhook.secret")
	if err := os.WriteFile(secret, []byte("whsec_"+strings.Repeat("A", 40)), 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := build(t.Context(), folder, "usher")
	if err != nil {
		t.Fatal(err)
	}
	r.cluster, err = newCluster(program, folder, func(line string) { t.Errorf("a node logged %.2000s", line) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.cluster.close)
	for _, n := range r.nodes {
		n.settings = []string{"--webhook-url", server.URL, "--webhook-secret-file", secret, "--webhook-allow-http", "true", "--webhook-allow-private", "true"}
	}
	r.hosts = hosts{cluster: r.cluster, shown: map[string][]string{}}
	return r
}

// begin starts nodes, and waits until all are ready.
func (r *told) begin(nodes ...int) {
	r.Helper()
	if err := r.start(nodes...); err != nil {
		r.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(r.Context(), maxStart)
	defer cancel()
	if err := r.ready(ctx); err != nil {
		r.Fatal(err)
	}
}

// more waits until people were shown more.
func (r *told) more() {
	r.Helper()
	enough := r.hosts.count() + 100
	servertest.Eventually(r.T, "more is shown", func() bool { return r.hosts.count() > enough })
}

// sender is the node that sends: the owner of the first shard.
func (r *told) sender() (node int) {
	r.Helper()
	id := ""
	for i := 0; id == "" || lease.ShardOf(id) != 0; i++ {
		id = fmt.Sprint("first-", i)
	}
	servertest.Eventually(r.T, "a node sends", func() bool { node = r.owner(r.Context(), id); return node >= 0 })
	return node
}

// replace ends a node, and starts it again while people go on.
func (r *told) replace(signal syscall.Signal, node int) {
	r.Helper()
	r.end(signal, node)
	r.more()
	r.begin(node)
}

// Three nodes tell a program of the operator's of what happens in rooms, while the one that sends
// is killed, also while the program is down, others are, one hands over to the next, and all are
// killed. Whatever anybody was shown is told, and of each room in order.
func TestNoWebhookIsLostOrReorderedWhenNodesDie(t *testing.T) {
	newCampaign(t)         // for what it skips
	runtime.LockOSThread() // see dieWithParent
	defer runtime.UnlockOSThread()
	r := newTold(t)
	r.begin(0, 1, 2)
	living, stop := context.WithCancel(t.Context())
	var people sync.WaitGroup
	defer people.Wait()
	defer stop()
	for host := range 6 {
		people.Go(func() { r.hosts.live(living, host) })
	}
	r.more()
	r.receiver.isDown.Store(true)
	r.more()
	r.replace(syscall.SIGKILL, r.sender())
	r.receiver.isDown.Store(false)
	r.more()
	r.replace(syscall.SIGKILL, (r.sender()+1)%nodes)
	r.replace(syscall.SIGTERM, r.sender())
	r.replace(syscall.SIGKILL, r.sender())
	r.end(syscall.SIGKILL, 0, 1, 2)
	r.begin(0, 1, 2)
	r.more()
	stop()
	people.Wait()
	var missing string
	defer func() {
		if t.Failed() {
			t.Log(missing)
		}
	}()
	servertest.Eventually(t, "everything is received", func() bool { missing = r.receiver.missing(r.hosts.shown); return missing == "" })
	t.Log(r.hosts.count(), "events were shown, in", len(r.hosts.shown), "rooms; again came", r.receiver.again, "webhooks")
}
