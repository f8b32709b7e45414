package server

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	pion "github.com/pion/turn/v5"

	"usher/server/servertest"
	"usher/server/turn"
)

// withRelay gives a server an embedded TURN server.
func withRelay(c *Config) {
	c.TURNRelay.Listen, c.TURNRelay.PublicIP = []string{"127.0.0.1:0"}, netip.MustParseAddr("127.0.0.1")
}

// allocate asks the server of the first of the ICE servers for an allocation with the credentials
// of the second.
func allocate(t *testing.T, servers []turn.ICEServer) error {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	client, err := pion.NewClient(&pion.ClientConfig{
		TURNServerAddr: strings.TrimPrefix(servers[0].URLs[0], "stun:"), Conn: socket,
		Username: servers[1].Username, Password: servers[1].Credential, RTO: 100 * time.Millisecond,
	})
	if err == nil {
		err = client.Listen()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	_, err = client.Allocate()
	return err
}

// relayServers are the ICE servers that a seat gets of a server with an embedded TURN server.
func (r *running) relayServers(roomID, userID, token string) []turn.ICEServer {
	r.t.Helper()
	_, servers := r.iceServers("roomId="+roomID+"&userId="+userID, token)
	if len(servers) != 2 || servers[1].Credential == "" || len(servers[1].URLs) != 2 {
		r.t.Fatalf("%v", servers)
	}
	return servers
}

// relays waits until a server has so many allocations.
func (r *running) relays(n int) {
	r.t.Helper()
	servertest.Eventually(r.t, fmt.Sprint(n, " allocations"), func() bool {
		return strings.Contains(get(r.t, r, "/metrics"), fmt.Sprintf("usher_turn_allocations %d\n", n))
	})
}

// A kick ends what the seat's TURN credentials are good for, on this server at once.
func TestKickRevokesTURNCredentials(t *testing.T) {
	t.Parallel()
	s := serve(t, withRelay)
	ann, bob := s.open("turn-room-3", "ann"), s.open("turn-room-3", "bob")
	ann.create()
	servers := s.relayServers("turn-room-3", "bob", bob.join().ResumeToken)
	if err := allocate(t, servers); err != nil {
		t.Fatal(err)
	}
	s.relays(1)
	ann.say("KICK_USER", `"targetUserId":"bob"`)
	s.relays(0)
	if err := allocate(t, servers); err == nil {
		t.Error("who was kicked relays")
	}
}

// In a cluster it does so on the TURN servers of all nodes, whoever owns the room, and whatever
// node the host is on. NATS is as an operator runs it.
func TestKickRevokesTURNCredentialsOfOtherNodes(t *testing.T) {
	t.Parallel()
	nodes := operate(t, 1).account(t).launch(t, func(s *setup) { withRelay(s.Config) })
	const room = "turn-room-4"
	owner := 0
	for !nodes[owner].owns(room) {
		owner++
	}
	hosts, turns := nodes[(owner+1)%3], nodes[(owner+2)%3]
	ann, bob := hosts.open(room, "ann"), turns.open(room, "bob")
	ann.create()
	token := bob.join().ResumeToken
	cem := nodes[owner].open(room, "cem")
	servers, cems := turns.relayServers(room, "bob", token), turns.relayServers(room, "cem", cem.join().ResumeToken)
	for _, one := range [][]turn.ICEServer{servers, cems} {
		if err := allocate(t, one); err != nil {
			t.Fatal(err)
		}
	}
	turns.relays(2)
	ann.say("KICK_USER", `"targetUserId":"bob"`)
	turns.relays(1) // cem's goes on
	for _, n := range nodes {
		servers[0].URLs[0] = strings.Replace(n.relay.URLs()[0], "turn:", "stun:", 1)
		servers[0].URLs[0], _, _ = strings.Cut(servers[0].URLs[0], "?")
		servertest.Eventually(t, "who was kicked relays nowhere", func() bool { return allocate(t, servers) != nil })
	}
	cems[0].URLs[0] = servers[0].URLs[0]
	if err := allocate(t, cems); err != nil {
		t.Errorf("who was not kicked does not relay: %v", err)
	}
}
