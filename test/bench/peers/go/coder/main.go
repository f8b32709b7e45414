// Coder is a signaling server on coder/websocket in the form of its chat example: a goroutine that
// reads and one that writes for each connection, each with a context.
package main

import (
	"context"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"usher/test/bench/peers/go/rooms"
)

const (
	writeWait  = 10 * time.Second
	maxMessage = 64 << 10
)

func main() {
	all := rooms.Open()
	rooms.Serve(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		conn.SetReadLimit(maxMessage)
		client := rooms.New()
		defer all.Left(client)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go write(ctx, conn, client.Send)
		for {
			_, data, err := conn.Read(ctx)
			if err != nil || all.Received(client, data) != nil {
				return
			}
		}
	})
}

func write(ctx context.Context, conn *websocket.Conn, send <-chan []byte) {
	for data := range send {
		writing, cancel := context.WithTimeout(ctx, writeWait)
		err := conn.Write(writing, websocket.MessageText, data)
		cancel()
		if err != nil {
			conn.CloseNow()
			return
		}
	}
}
