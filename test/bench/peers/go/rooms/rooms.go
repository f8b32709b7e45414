// Package rooms is what the two Go servers share: the rooms of a plain signaling server, whoever
// reads and writes its sockets.
package rooms

import (
	"encoding/json"
	"sync"
)

// Client is one socket. Messages for it are queued in Send, and whoever does not read them is cut
// off, as in gorilla's chat example.
type Client struct {
	Send chan []byte
	id   string
	room string
}

// New returns a client that has joined nothing.
func New() *Client { return &Client{Send: make(chan []byte, 256)} }

// Rooms are all rooms.
type Rooms struct {
	mu    sync.Mutex
	rooms map[string]map[string]*Client
}

// Open returns no rooms.
func Open() *Rooms { return &Rooms{rooms: map[string]map[string]*Client{}} }

// message is what the server reads and writes; the payload stays as it came.
type message struct {
	Type    string          `json:"type"`
	Room    string          `json:"room,omitempty"`
	ID      string          `json:"id,omitempty"`
	To      string          `json:"to,omitempty"`
	From    string          `json:"from,omitempty"`
	Payload json.RawMessage `json:"payload,omitempty"`
	People  []string        `json:"people,omitempty"`
	Error   string          `json:"error,omitempty"`
}

// Received handles one message; an error ends the connection.
func (r *Rooms) Received(c *Client, data []byte) error {
	var m message
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	switch m.Type {
	case "join":
		r.join(c, m)
	case "offer", "answer", "candidate":
		r.relay(c, m)
	case "broadcast":
		r.broadcast(c, m)
	}
	return nil
}

func (r *Rooms) join(c *Client, m message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	room := r.rooms[m.Room]
	if room == nil {
		room = map[string]*Client{}
		r.rooms[m.Room] = room
	}
	if room[m.ID] != nil || c.room != "" {
		c.queue(message{Type: "error", Error: "id taken"})
		return
	}
	c.id, c.room = m.ID, m.Room
	reply := message{Type: "joined"}
	for id, other := range room {
		reply.People = append(reply.People, id)
		other.queue(message{Type: "came", ID: c.id})
	}
	room[c.id] = c
	c.queue(reply)
}

func (r *Rooms) relay(c *Client, m message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	target := r.rooms[c.room][m.To]
	if target == nil {
		c.queue(message{Type: "error", Error: "nobody of that id"})
		return
	}
	m.From = c.id
	target.queue(m)
}

func (r *Rooms) broadcast(c *Client, m message) {
	m.From = c.id
	data, err := json.Marshal(m)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, other := range r.rooms[c.room] {
		if other != c {
			other.write(data)
		}
	}
}

// Left removes a client whose connection has ended, and closes Send.
func (r *Rooms) Left(c *Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if room := r.rooms[c.room]; room[c.id] == c {
		delete(room, c.id)
		if len(room) == 0 {
			delete(r.rooms, c.room)
		}
		for _, other := range room {
			other.queue(message{Type: "left", ID: c.id})
		}
	}
	close(c.Send)
	c.Send = nil
}

func (c *Client) queue(m message) {
	if data, err := json.Marshal(m); err == nil {
		c.write(data)
	}
}

// write drops what does not fit: the generator reads everything, and counts what it gets.
func (c *Client) write(data []byte) {
	select {
	case c.Send <- data:
	default:
	}
}
