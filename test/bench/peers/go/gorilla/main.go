// Gorilla is a signaling server on gorilla/websocket in the form of its chat example: a goroutine
// that reads and one that writes for each connection, with deadlines, pings and a read limit.
package main

import (
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"usher/test/bench/peers/go/rooms"
)

const (
	writeWait  = 10 * time.Second
	pongWait   = 60 * time.Second
	pingPeriod = pongWait * 9 / 10
	maxMessage = 64 << 10
)

var upgrader = websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}

func main() {
	all := rooms.Open()
	rooms.Serve(func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		client := rooms.New()
		go write(conn, client.Send)
		read(conn, all, client)
	})
}

func read(conn *websocket.Conn, all *rooms.Rooms, client *rooms.Client) {
	defer conn.Close()
	defer all.Left(client)
	conn.SetReadLimit(maxMessage)
	conn.SetReadDeadline(time.Now().Add(pongWait))
	conn.SetPongHandler(func(string) error { return conn.SetReadDeadline(time.Now().Add(pongWait)) })
	for {
		_, data, err := conn.ReadMessage()
		if err != nil || all.Received(client, data) != nil {
			return
		}
	}
}

func write(conn *websocket.Conn, send <-chan []byte) {
	ticker := time.NewTicker(pingPeriod)
	defer ticker.Stop()
	defer conn.Close()
	for {
		select {
		case data, more := <-send:
			conn.SetWriteDeadline(time.Now().Add(writeWait))
			if !more {
				conn.WriteMessage(websocket.CloseMessage, nil)
				return
			}
			if conn.WriteMessage(websocket.TextMessage, data) != nil {
				return
			}
		case <-ticker.C:
			conn.SetWriteDeadline(time.Now().Add(writeWait))
			if conn.WriteMessage(websocket.PingMessage, nil) != nil {
				return
			}
		}
	}
}
