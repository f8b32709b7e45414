package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"usher/server/servertest"
)

// The addresses in examples/cluster.
const (
	exampleBalancer = "127.0.0.1:8780"
	exampleNode     = "127.0.0.1:878%d"
)

// needed returns the path of a program, or skips the test.
func needed(t *testing.T, name string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	t.Skipf("%s is not installed: run test/run balancers as root on Debian, or test/cluster/balancers says which packages have it", name)
	return ""
}

// configured writes a configuration of examples/cluster with the test's addresses in place of its
// own.
func configured(t *testing.T, example string, nodes [3]*node, more ...string) (file, address string) {
	t.Helper()
	text, err := os.ReadFile("../../examples/cluster/" + example)
	if err != nil {
		t.Fatal(err)
	}
	address = servertest.FreeAddresses(t, 1)[0]
	pairs := append(more, exampleBalancer, address)
	for i, n := range nodes {
		pairs = append(pairs, fmt.Sprintf(exampleNode, i+1), n.address)
	}
	file = filepath.Join(t.TempDir(), example)
	if err := os.WriteFile(file, []byte(strings.NewReplacer(pairs...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, address
}

// serves waits for a balancer, and checks that it keeps to itself what is for the operator.
func serves(t *testing.T, address string) {
	t.Helper()
	eventually(t, "the balancer passes requests on", func() bool {
		status, _ := get(t, "http://"+address+"/healthz")
		return status == http.StatusOK
	})
	for _, path := range []string{"/metrics", "/cluster/owner?roomId=film-night", "/cluster/status"} {
		if status, _ := get(t, "http://"+address+path); status != http.StatusNotFound {
			t.Errorf("the balancer shows %s: %d", path, status)
		}
	}
}

// person is a client with a seat.
type person struct {
	t                 *testing.T
	room, name, token string
	ws                *websocket.Conn
}

// message is what the tests look at.
type message struct {
	Type        string `json:"type"`
	Code        string `json:"code"`
	ResumeToken string `json:"resumeToken"`
	Resumed     bool   `json:"resumed"`
	RoomState   struct {
		HostID string            `json:"hostId"`
		Users  []json.RawMessage `json:"users"`
	} `json:"roomState"`
}

// connect opens a socket by the balancer. An error may pass: an owner that has died.
func connect(t *testing.T, address, room, name string) (*person, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws://"+address+"/ws?roomId="+room+"&userId="+name, nil)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	return &person{t: t, room: room, name: name, ws: ws}, nil
}

func (p *person) say(kind, members string) {
	p.t.Helper()
	text := fmt.Sprintf(`{"type":%q,"roomId":%q,"userId":%q,"timestamp":1,"protocol":1%s}`, kind, p.room, p.name, members)
	if err := p.ws.Write(p.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		p.t.Fatal(p.name, err)
	}
}

// hear returns the next message of a type.
func (p *person) hear(kind string) message {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for {
		_, text, err := p.ws.Read(ctx)
		if err != nil {
			p.t.Fatalf("%s waits for %s: %v", p.name, kind, err)
		}
		var m message
		if err := json.Unmarshal(text, &m); err != nil {
			p.t.Fatal(err)
		}
		if m.Type == "ERROR" {
			p.t.Fatalf("%s waits for %s and gets %s", p.name, kind, text)
		}
		if m.Type == kind {
			return m
		}
	}
}

// seated opens a room of three people by the balancer.
func seated(t *testing.T, address, room string) (people []*person) {
	t.Helper()
	for i, name := range []string{"ann", "bob", "cy"} {
		p, err := connect(t, address, room, name)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			p.say("CREATE_ROOM", `,"userName":"Ann"`)
			p.token = p.hear("ROOM_CREATED").ResumeToken
		} else {
			p.say("JOIN_ROOM", `,"userName":"Guest"`)
			p.token = p.hear("ROOM_JOINED").ResumeToken
		}
		people = append(people, p)
	}
	people[2].say("WEBRTC_OFFER", `,"targetUserId":"ann","offer":{"type":"offer","sdp":"v=0"}`)
	people[0].hear("WEBRTC_OFFER")
	return people
}

// roomsBehind opens enough rooms for several nodes to have some, and returns the people of each.
func roomsBehind(t *testing.T, address string) (rooms map[string][]*person) {
	t.Helper()
	rooms = make(map[string][]*person)
	for i := range 12 {
		id := fmt.Sprint("balanced-room-", i)
		rooms[id] = seated(t, address, id)
	}
	return rooms
}

// survives kills the node that owns a room, and sees its people come back by the balancer.
func survives(t *testing.T, address string, nodes [3]*node, room string, people []*person) {
	t.Helper()
	owner := ownerOf(t, nodes[0], room)
	for _, n := range nodes {
		if n.address == owner {
			_ = n.cmd.Process.Kill()
		}
	}
	for _, p := range people {
		var back message
		eventually(t, p.name+" is back by the balancer", func() bool {
			q, err := connect(t, address, room, p.name)
			if err != nil {
				return false
			}
			defer q.ws.CloseNow()
			if q.ws.Write(t.Context(), websocket.MessageText, fmt.Appendf(nil,
				`{"type":"JOIN_ROOM","roomId":%q,"userId":%q,"userName":"Back","timestamp":1,"protocol":1,"resumeToken":%q}`, room, p.name, p.token)) != nil {
				return false
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, text, err := q.ws.Read(ctx)
			return err == nil && json.Unmarshal(text, &back) == nil && back.Type == "ROOM_JOINED"
		})
		if !back.Resumed || back.RoomState.HostID != "ann" || len(back.RoomState.Users) != 3 {
			t.Errorf("%s came back to %+v", p.name, back)
		}
	}
}

func ownerOf(t *testing.T, n *node, room string) string {
	t.Helper()
	response, err := http.Get("http://" + n.address + "/cluster/owner?roomId=" + room)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.Header.Get("X-Usher-Node")
}

// With nginx, which asks who owns a room, nobody is connected to another node than the owner.
func TestBehindNginxFramesTakeNoHop(t *testing.T) {
	program := needed(t, "nginx")
	nodes := launch(t)
	scratch := t.TempDir()
	var places []string
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		places = append(places, kind+"_temp_path "+scratch+"/"+kind+";")
	}
	file, address := configured(t, "nginx.conf", nodes, "http {", "http { access_log off; "+strings.Join(places, " "))
	spawn(t, "nginx", program, "-c", file, "-p", scratch, "-e", "stderr",
		"-g", "daemon off; master_process off; error_log stderr; pid "+scratch+"/pid;")
	serves(t, address)
	rooms := roomsBehind(t, address)
	owners := make(map[string]int)
	for room := range rooms {
		owners[ownerOf(t, nodes[0], room)]++
	}
	if len(owners) < 2 {
		t.Errorf("one node owns all rooms: %v", owners)
	}
	for _, n := range nodes {
		if elsewhere := n.metric(t, "usher_cluster_connections_elsewhere"); elsewhere != 0 {
			t.Errorf("%v connections of %s take a hop", elsewhere, n.address)
		}
		if here := n.metric(t, "usher_connections"); here != float64(3*owners[n.address]) {
			t.Errorf("%s has %v connections for %d rooms of three", n.address, here, owners[n.address])
		}
	}
	// The path may name the room as well.
	ws, _, err := websocket.Dial(t.Context(), "ws://"+address+"/rooms/balanced-room-0/ws?userId=dee", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	for _, n := range nodes {
		if elsewhere := n.metric(t, "usher_cluster_connections_elsewhere"); elsewhere != 0 {
			t.Errorf("%v connections of %s take a hop by the path", elsewhere, n.address)
		}
	}
	survives(t, address, nodes, "balanced-room-0", rooms["balanced-room-0"])
}

// With HAProxy all people of a room are connected to one node.
func TestBehindHAProxyARoomIsAtOneNode(t *testing.T) {
	program := needed(t, "haproxy")
	nodes := launch(t)
	file, address := configured(t, "haproxy.cfg", nodes)
	spawn(t, "haproxy", program, "-db", "-f", file)
	serves(t, address)
	rooms := roomsBehind(t, address)
	for _, n := range nodes {
		if here := n.metric(t, "usher_connections"); int(here)%3 != 0 {
			t.Errorf("%s has %v connections of rooms of three", n.address, here)
		}
	}
	survives(t, address, nodes, "balanced-room-0", rooms["balanced-room-0"])
}
