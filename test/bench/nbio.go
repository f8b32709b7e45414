package main

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
)

// The relay on nbio, which usher's frames and poller were once: the upgraded
// socket is handed to nbio's poller, its handler runs inline there, looks up the
// other socket of the pair and writes the same bytes on.

// relaySide is what the relay keeps for one socket: where its partner is.
type relaySide struct {
	partner *atomic.Pointer[websocket.Conn]
}

func runNbio(ctx context.Context, args []string) error {
	pairs := newPairing[websocket.Conn]()
	upgrader := newUpgrader()
	upgrader.OnMessage(func(c *websocket.Conn, op websocket.MessageType, data []byte) {
		if other := c.Session().(*relaySide).partner.Load(); other != nil {
			other.WriteMessage(op, data)
		}
	})
	return serveChild(ctx, "nbio", args, upgrader, func(c *websocket.Conn, r *http.Request) {
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

// serveChild serves WebSockets with nbio on the address given in args.
func serveChild(ctx context.Context, name string, args []string, u *websocket.Upgrader, open func(*websocket.Conn, *http.Request)) error {
	logging.SetLevel(logging.LevelNone)
	return serveHTTP(ctx, name, args, func(pollers int) (http.HandlerFunc, error) {
		engine := nbhttp.NewEngine(nbhttp.Config{
			NPoller:                 pollers,
			ReleaseWebsocketPayload: true,
			SupportServerOnly:       true,
			ServerExecutor:          func(f func()) { f() },
		})
		u.Engine = engine
		return func(w http.ResponseWriter, r *http.Request) {
			if c, err := u.UpgradeAndTransferConnToPoller(w, r, nil); err == nil {
				open(c, r)
			}
		}, engine.Start()
	})
}
