package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"usher/server/servertest"
)

// talkers are people in rooms of two who send each other numbered frames.
type talkers struct {
	t     *testing.T
	all   []*talker
	stop  context.CancelFunc
	ended sync.WaitGroup
}

// talker is one of them.
type talker struct {
	id, peer, room string
	ws             *websocket.Conn
	sent, arrived  atomic.Int64
	problem        atomic.Pointer[string]
	mu             sync.Mutex
	latencies      []time.Duration
}

// talk lets n people talk at a rate for all, until quiet.
func talk(t *testing.T, address string, n, perSecond int) *talkers {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	all := &talkers{t: t, stop: stop}
	t.Cleanup(stop)
	for i := range n / 2 {
		room := fmt.Sprintf("upgraded-%d", i)
		for _, id := range [][2]string{{"ann", "bob"}, {"bob", "ann"}} {
			p := &talker{id: id[0], peer: id[1], room: room}
			p.enter(t, address)
			all.all = append(all.all, p)
		}
	}
	for i, p := range all.all {
		all.ended.Go(func() {
			each := time.Second * time.Duration(n) / time.Duration(perSecond)
			if !sleep(ctx, each*time.Duration(i)/time.Duration(n)) {
				return
			}
			p.talk(ctx, each)
		})
	}
	return all
}

func (p *talker) enter(t *testing.T, address string) {
	t.Helper()
	p.join(t, "ws://"+address, nil)
	go p.read()
}

// join takes the seat. Nothing is read after that.
func (p *talker) join(t *testing.T, url string, client *http.Client) {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), url+"/ws?roomId="+p.room, &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(1 << 20)
	t.Cleanup(func() { ws.CloseNow() })
	p.ws = ws
	kind := "JOIN_ROOM"
	if p.id == "ann" {
		kind = "CREATE_ROOM"
	}
	hello := fmt.Sprintf(`{"type":%q,"roomId":%q,"userId":%q,"userName":%q,"protocol":1,"timestamp":1}`, kind, p.room, p.id, p.id)
	if err := ws.Write(t.Context(), websocket.MessageText, []byte(hello)); err != nil {
		t.Fatal(err)
	}
	_, reply, err := ws.Read(t.Context())
	if err != nil || !strings.Contains(string(reply), `"type":"ROOM_`) {
		t.Fatalf("%s, %v", reply, err)
	}
}

// read checks that what arrives is what was sent, until the socket ends.
func (p *talker) read() {
	fail := func(format string, args ...any) {
		text := fmt.Sprintf("%s in %s: %s", p.id, p.room, fmt.Sprintf(format, args...))
		p.problem.CompareAndSwap(nil, &text)
	}
	for {
		_, text, err := p.ws.Read(context.Background())
		if err != nil {
			fail("its socket ended: %v", err)
			return
		}
		var m struct {
			Type      string
			Candidate struct{ Number, SentNs int64 }
		}
		if err := json.Unmarshal(text, &m); err != nil {
			fail("%v", err)
		}
		switch m.Type {
		case "WEBRTC_ICE_CANDIDATE":
			if n := p.arrived.Add(1); m.Candidate.Number != n {
				fail("frame %d came when %d was due", m.Candidate.Number, n)
				return
			}
			p.mu.Lock()
			p.latencies = append(p.latencies, time.Duration(time.Now().UnixNano()-m.Candidate.SentNs))
			p.mu.Unlock()
		case "USER_JOINED":
		default:
			fail("%s came", text)
		}
	}
}

// talk sends until ctx is done.
func (p *talker) talk(ctx context.Context, each time.Duration) {
	for sleep(ctx, each) {
		if p.say(int(p.sent.Load())+1, "") != nil {
			return // its reader knows
		}
		p.sent.Add(1)
	}
}

// say sends a frame with a number.
func (p *talker) say(number int, padding string) error {
	return p.ws.Write(context.Background(), websocket.MessageText, fmt.Appendf(nil,
		`{"type":"WEBRTC_ICE_CANDIDATE","roomId":%q,"userId":%q,"targetUserId":%q,"timestamp":1,"candidate":{"number":%d,"sentNs":%d,"padding":%q}}`,
		p.room, p.id, p.peer, number, time.Now().UnixNano(), padding))
}

// allTalk returns once everybody has said something.
func (all *talkers) allTalk() {
	all.t.Helper()
	for _, p := range all.all {
		servertest.Eventually(all.t, "everybody has said something", func() bool { return p.problem.Load() != nil || p.sent.Load() > 0 })
	}
}

// quiet ends the talk once everything has arrived, and reports what was lost.
func (all *talkers) quiet() {
	all.t.Helper()
	all.allTalk()
	all.stop()
	all.ended.Wait()
	sent := 0
	for i, p := range all.all {
		peer := all.all[i^1]
		servertest.Eventually(all.t, "everything arrives", func() bool {
			return p.problem.Load() != nil || peer.problem.Load() != nil || p.arrived.Load() == peer.sent.Load()
		})
		if problem := p.problem.Load(); problem != nil {
			all.t.Error(*problem)
		}
		sent += int(p.sent.Load())
	}
	all.t.Logf("%d frames between %d sockets", sent, len(all.all))
}

// latency returns the 99th percentile of what has arrived since the last call.
func (all *talkers) latency() time.Duration {
	var took []time.Duration
	for _, p := range all.all {
		p.mu.Lock()
		took, p.latencies = append(took, p.latencies...), nil
		p.mu.Unlock()
	}
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[(len(took)-1)*99/100]
}
