package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
)

// The bare relay: the floor that usher is measured against. net/http is in
// front, the upgraded socket is handed to nbio's poller, its handler runs inline
// there, looks up the other socket of the pair and writes the same bytes on.
// There are no checks, no limits, no deadlines and no rooms.

// relaySide is what the bare relay keeps for one socket: where its partner is.
type relaySide struct {
	partner *atomic.Pointer[websocket.Conn]
}

// pairing finds the two sockets of a pair while they connect, and
// forgets a pair once it is complete.
type pairing struct {
	mu   sync.Mutex
	half map[string]*[2]atomic.Pointer[websocket.Conn]
}

// take returns the slot of a socket and that of its partner. Seats 0 and 1 of
// a room are a pair, so are 2 and 3.
func (p *pairing) take(room, seat string) (own, partner *atomic.Pointer[websocket.Conn]) {
	pair, side := "0", 0
	if seat == "2" || seat == "3" {
		pair = "2"
	}
	if seat == "1" || seat == "3" {
		side = 1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := room + "/" + pair
	slots := p.half[key]
	if slots == nil {
		slots = new([2]atomic.Pointer[websocket.Conn])
		p.half[key] = slots
	} else {
		delete(p.half, key)
	}
	return &slots[side], &slots[1-side]
}

// welcome tells a socket that its pair knows it. The generator takes it for the answer to a join.
var welcome = []byte(`{"type":"ROOM_JOINED"}`)

func runBare(ctx context.Context, args []string) error {
	pairs := pairing{half: map[string]*[2]atomic.Pointer[websocket.Conn]{}}
	upgrader := newUpgrader()
	upgrader.OnMessage(func(c *websocket.Conn, op websocket.MessageType, data []byte) {
		if other := c.Session().(*relaySide).partner.Load(); other != nil {
			other.WriteMessage(op, data)
		}
	})
	return serveChild(ctx, "bare", args, upgrader, func(c *websocket.Conn, r *http.Request) {
		own, partner := pairs.take(r.FormValue("roomId"), r.FormValue("seat"))
		own.Store(c)
		c.SetSession(&relaySide{partner})
		c.WriteMessage(websocket.TextMessage, welcome)
	})
}

func newUpgrader() *websocket.Upgrader {
	u := websocket.NewUpgrader()
	// A deadline would be a check: it costs a timer a socket and its reset every message.
	u.KeepaliveTime = 0
	return u
}

// serveChild serves WebSockets on the address given in args until its standard
// input ends, which it does with the program that started it.
func serveChild(ctx context.Context, name string, args []string, u *websocket.Upgrader, open func(*websocket.Conn, *http.Request)) error {
	flags := newFlags(name, "Run by the other subcommands; serves until its standard input ends.")
	address := flags.String("listen", "", "`address` to serve on")
	pollers := flags.Int("pollers", 0, "nbio poller threads, 0 for nbio's default of a quarter of the cores")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	go func() { io.Copy(io.Discard, os.Stdin); stop() }()

	logging.SetLevel(logging.LevelNone)
	engine := nbhttp.NewEngine(nbhttp.Config{
		NPoller:                 *pollers,
		ReleaseWebsocketPayload: true,
		SupportServerOnly:       true,
		ServerExecutor:          func(f func()) { f() },
	})
	u.Engine = engine
	if err := engine.Start(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		if c, err := u.UpgradeAndTransferConnToPoller(w, r, nil); err == nil {
			open(c, r)
		}
	})
	server := http.Server{Handler: mux}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}
