package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"usher/protocol"
	"usher/server/cluster"
	"usher/server/cluster/broker"
	"usher/server/servertest"
)

// launchCluster starts three nodes that find each other.
func launchCluster(t *testing.T, changes ...func(*Config)) (nodes [3]*running) {
	t.Helper()
	peers := servertest.FreeAddresses(t, len(nodes))
	var starting sync.WaitGroup
	for i := range nodes {
		starting.Go(func() { // none is ready before a majority is there
			dir := t.TempDir()
			nodes[i] = launchSetUp(t, dir, func(s *setup) {
				s.Listen = "127.0.0.1:0"
				for _, change := range changes {
					change(s.Config)
				}
				s.Cluster = &cluster.Config{
					Address:    fmt.Sprintf("node-%d.test:80", i+1),
					LinkListen: "127.0.0.1:0",
					SeatGrace:  40 * time.Second,
					Embedded: &broker.Config{
						NodeID: fmt.Sprint("node-", i+1), Listen: peers[i], Peers: peers,
						Secret: []byte("a secret of at least 16 bytes"), Dir: dir,
					},
				}
			})
		})
	}
	starting.Wait()
	t.Cleanup(func() { stopAtOnce(nodes[:]) })
	for i, n := range nodes {
		if n == nil {
			t.Fatalf("node %d did not start", i+1)
		}
		n.mayNotStore = true
		servertest.Eventually(t, "a node has a part of the rooms", func() bool {
			return n.ready() == "" && strings.Contains(get(t, n, "/metrics"), "usher_cluster_shards 34")
		})
	}
	return nodes
}

// stopAtOnce stops all nodes of a cluster together. If they stopped one after another, the last
// would wait for somebody to hand its rooms to.
func stopAtOnce(nodes []*running) {
	var stopping sync.WaitGroup
	for _, n := range nodes {
		if n != nil {
			n.config.DrainTimeout = time.Second
			stopping.Go(n.stop)
		}
	}
	stopping.Wait()
}

func get(t *testing.T, n *running, path string) string {
	t.Helper()
	response, body := n.ask(http.MethodGet, path)
	if response.StatusCode != http.StatusOK {
		t.Fatal(path, response.Status, body)
	}
	return body
}

// ownerOf returns the index of the node that owns a room.
func ownerOf(t *testing.T, nodes [3]*running, roomID string) int {
	t.Helper()
	response, body := nodes[0].ask(http.MethodGet, "/cluster/owner?roomId="+roomID)
	if response.StatusCode != http.StatusNoContent {
		t.Fatal(response.Status, body)
	}
	var number int
	if _, err := fmt.Sscanf(response.Header.Get("X-Usher-Node"), "node-%d.test:80", &number); err != nil {
		t.Fatal(response.Header.Get("X-Usher-Node"), err)
	}
	return number - 1
}

func TestPeopleOfOneRoomMayBeOnThreeNodes(t *testing.T) {
	t.Parallel()
	nodes := launchCluster(t)
	const id = "room-of-three-nodes"
	ann, bob, cy := nodes[0].open(id, "ann"), nodes[1].open(id, "bob"), nodes[2].open(id, "cy")
	ann.say("CREATE_ROOM", `"userName":"Ann"`, `"protocol":1`)
	ann.expect("ROOM_CREATED")
	bob.say("JOIN_ROOM", `"userName":"Bob"`, `"protocol":1`)
	bobToken := bob.expect("ROOM_JOINED").ResumeToken
	ann.expect("USER_JOINED")
	cy.say("JOIN_ROOM", `"userName":"Cy"`, `"protocol":1`)
	cy.expect("ROOM_JOINED")
	ann.expect("USER_JOINED")
	bob.expect("USER_JOINED")
	for i := range 50 {
		bob.offer("cy", fmt.Sprint(i))
	}
	for i := range 50 {
		if h := cy.expect("WEBRTC_OFFER"); !strings.Contains(h.raw, fmt.Sprintf(`"v=0 %d"`, i)) {
			t.Fatalf("offer %d is %s", i, h.raw)
		}
	}
	for _, n := range nodes {
		if body := get(t, n, "/rooms/"+id); !strings.Contains(body, `"people":3`) {
			t.Errorf("a node says %s", body)
		}
	}

	checkDirect(t, nodes, ownerOf(t, nodes, id))

	// The owner stops: its rooms go to others, with everybody's seats.
	owner := ownerOf(t, nodes, id)
	people := []*client{ann, bob, cy}
	nodes[owner].mayNotStore = false
	nodes[owner].stop()
	for _, p := range people {
		for {
			frame, err := p.read()
			if err == nil {
				continue
			}
			if websocket.CloseStatus(err) != websocket.StatusCode(protocol.CloseRestart) {
				t.Errorf("%s got %q and %v", p.user, frame, err)
			}
			break
		}
	}
	other := nodes[(owner+1)%3]
	var back *client
	servertest.Eventually(t, "a seat is found on another node", func() bool {
		c, err := other.tryOpen(id, "bob")
		back = c
		return err == nil
	})
	back.say("JOIN_ROOM", `"userName":"Bob"`, `"protocol":1`, fmt.Sprintf(`"resumeToken":%q`, bobToken))
	if h := back.expect("ROOM_JOINED"); !h.Resumed || !h.Recovered || h.RoomState.HostID != "ann" || len(h.RoomState.Users) != 3 {
		t.Errorf("what came back is %s", h.raw)
	}
}

// checkDirect waits until the frames between an owner and the other two nodes go over connections
// of their own.
func checkDirect(t *testing.T, nodes [3]*running, owner int) {
	t.Helper()
	servertest.Eventually(t, "no frame takes NATS", func() bool {
		direct := true
		for i, n := range nodes {
			want := "usher_cluster_links_direct 1"
			if i == owner {
				want = "usher_cluster_links_direct 2"
			}
			direct = direct && strings.Contains(get(t, n, "/metrics"), want)
		}
		return direct
	})
	for i, n := range statusOf(t, nodes[owner]).Nodes {
		want := cluster.LinkDirect
		if i == owner {
			want = ""
		}
		if n.Link != want {
			t.Errorf("the owner shows the link with %s as %q", n.ID, n.Link)
		}
	}
}

func TestANodeWithAnotherSecretIsRefused(t *testing.T) {
	peers := servertest.FreeAddresses(t, 3)
	open := func(i int, secret string, timeout time.Duration) error {
		config := DefaultConfig()
		config.Listen, config.DataDir, config.Log = "127.0.0.1:0", t.TempDir(), slog.New(slog.DiscardHandler)
		config.Cluster = &cluster.Config{StartTimeout: timeout, Embedded: &broker.Config{
			Listen: peers[i], Peers: peers, Secret: []byte(secret), Dir: t.TempDir(),
		}}
		s, err := New(config)
		if err == nil {
			_ = s.Close()
		}
		return err
	}
	if err := open(0, "short", time.Second); err == nil || !strings.Contains(err.Error(), "5 bytes") {
		t.Errorf("a short secret: %v", err)
	}
	if err := open(0, "a secret of at least 16 bytes", time.Second); err == nil {
		t.Error("one of three nodes is a cluster")
	}
}
