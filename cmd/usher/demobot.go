package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/coder/websocket"

	"usher/server/cluster"
)

const (
	botEvery = 100 * time.Millisecond
	// botAgain is the pause before the next node is tried.
	botAgain = 200 * time.Millisecond
	botDial  = 2 * time.Second
)

// bot is somebody in the demo's room. When its socket ends it returns, with its token, by the next
// node that responds.
type bot struct {
	id, name, next string // next is whom it sends to
	room           string
	nodes          []string
	creates        bool

	mu sync.Mutex
	botState
}

// botState is how a bot is.
type botState struct {
	node  int // the one that it is connected to
	ws    *websocket.Conn
	token string
	host  string
	// kept is set while every return was to the same seat.
	kept bool
	// heard is when the first frame came that was sent after that moment; zero until then.
	after, heard time.Time
}

func (b *bot) state() botState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.botState
}

// botMessage is what bots look at.
type botMessage struct {
	Type        string `json:"type"`
	Resumed     bool   `json:"resumed"`
	ResumeToken string `json:"resumeToken"`
	NewHostID   string `json:"newHostId"`
	RoomState   struct {
		HostID string `json:"hostId"`
	} `json:"roomState"`
	Candidate struct {
		SentMs int64 `json:"sentMs"`
	} `json:"candidate"`
}

// run is a bot until ctx is done.
func (b *bot) run(ctx context.Context) {
	for ctx.Err() == nil {
		b.visit(ctx)
		b.mu.Lock()
		b.ws = nil
		b.node = (b.node + 1) % len(b.nodes)
		b.mu.Unlock()
		sleep(ctx, botAgain)
	}
}

// visit is one connection, from its handshake to its end.
func (b *bot) visit(ctx context.Context) {
	dialing, cancel := context.WithTimeout(ctx, botDial)
	defer cancel()
	s := b.state()
	ws, _, err := websocket.Dial(dialing, "ws://"+b.nodes[s.node]+"/ws?roomId="+b.room, nil)
	if err != nil {
		return
	}
	defer ws.CloseNow()
	kind := "JOIN_ROOM"
	if b.creates && s.token == "" {
		kind = "CREATE_ROOM"
	}
	token := ""
	if s.token != "" {
		token = fmt.Sprintf(`,"resumeToken":%q`, s.token)
	}
	hello := fmt.Sprintf(`{"type":%q,"roomId":%q,"userId":%q,"userName":%q,"protocol":1,"timestamp":%d%s}`,
		kind, b.room, b.id, b.name, time.Now().UnixMilli(), token)
	if ws.Write(ctx, websocket.MessageText, []byte(hello)) != nil {
		return
	}
	for {
		_, text, err := ws.Read(ctx)
		if err != nil {
			return
		}
		var m botMessage
		if json.Unmarshal(text, &m) != nil || m.Type == "ERROR" && b.state().ws == nil {
			return
		}
		b.obey(ws, &m)
	}
}

func (b *bot) obey(ws *websocket.Conn, m *botMessage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch m.Type {
	case "ROOM_CREATED", "ROOM_JOINED":
		b.kept = b.token == "" || b.kept && m.Resumed
		b.ws, b.token, b.host = ws, cmp.Or(m.ResumeToken, b.token), m.RoomState.HostID
	case "HOST_CHANGED", "USER_LEFT":
		b.host = cmp.Or(m.NewHostID, b.host) // nobody is named if the host is still the same
	case "WEBRTC_ICE_CANDIDATE":
		if b.heard.IsZero() && time.UnixMilli(m.Candidate.SentMs).After(b.after) {
			b.heard = time.Now()
		}
	}
}

// talk sends to the next bot until ctx is done.
func (b *bot) talk(ctx context.Context) {
	for sleep(ctx, botEvery) {
		if ws := b.state().ws; ws != nil {
			now := time.Now().UnixMilli()
			_ = ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil,
				`{"type":"WEBRTC_ICE_CANDIDATE","roomId":%q,"userId":%q,"targetUserId":%q,"timestamp":%d,"candidate":{"sentMs":%d}}`,
				b.room, b.id, b.next, now, now))
		}
	}
}

// enter brings the bots into the room, each by its own node, and returns when all hear each other.
func (d *demo) enter(ctx context.Context, room string) (bots []*bot, err error) {
	running, stop := context.WithCancel(ctx)
	d.bots = stop
	people := [demoNodes][2]string{{"ann", "Ann"}, {"bob", "Bob"}, {"cy", "Cy"}}
	var nodes []string
	for _, n := range d.nodes {
		nodes = append(nodes, n.address)
	}
	began := time.Now()
	entering, cancel := context.WithTimeout(ctx, demoBack)
	defer cancel()
	for i, person := range people {
		b := &bot{
			id: person[0], name: person[1], next: people[(i+1)%demoNodes][0], room: room, nodes: nodes, creates: i == 0,
			botState: botState{node: i},
		}
		bots = append(bots, b)
		go b.run(running)
		for b.state().ws == nil {
			if !sleep(entering, 20*time.Millisecond) {
				return nil, fmt.Errorf("%s did not get a seat within %v", b.name, demoBack)
			}
		}
	}
	for _, b := range bots {
		go b.talk(running)
	}
	return bots, awaitBots(entering, bots, began)
}

// awaitBots waits until each bot has heard what another sent after a moment.
func awaitBots(ctx context.Context, bots []*bot, after time.Time) error {
	for _, b := range bots {
		b.mu.Lock()
		b.after, b.heard = after, time.Time{}
		b.mu.Unlock()
	}
	for _, b := range bots {
		for b.state().heard.IsZero() {
			if !sleep(ctx, 5*time.Millisecond) {
				return fmt.Errorf("%s did not hear the others within %v", b.name, demoBack)
			}
		}
	}
	return nil
}

// evenly reports whether three nodes live and each has its third.
func evenly(nodes []cluster.NodeStatus, shards int) bool {
	for _, n := range nodes {
		if n.State != "lives" || n.Shards < shards/demoNodes {
			return false
		}
	}
	return len(nodes) == demoNodes
}
