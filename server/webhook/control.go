package webhook

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"usher/server/store"
)

// SocketName is the socket in the data folder over which usher webhooks reaches a running server.
const SocketName = "webhooks.sock"

// maxListed bounds what is listed of the messages that wait.
const maxListed = 1000

// Listing is what the queue has.
type Listing struct {
	// Waiting are the first of Depth messages that wait, and SetAside those that failed.
	Depth    int      `json:"depth"`
	Waiting  []Listed `json:"waiting"`
	SetAside []Listed `json:"setAside"`
}

// Listed is a message in a Listing.
type Listed struct {
	ID     string          `json:"id"`
	RoomID string          `json:"roomId"`
	At     time.Time       `json:"at"`
	Body   json.RawMessage `json:"body"`
	// Failure is why it was set aside.
	Failure string `json:"failure,omitempty"`
}

// Replay asks for messages to be sent again that were set aside: all for no IDs.
type Replay struct {
	IDs []string `json:"ids"`
}

// Replayed is how many there were.
type Replayed struct {
	Messages int `json:"messages"`
}

// Reader reads a queue: a store.Queue, or one that no server has open.
type Reader interface {
	Waiting(after uint64, n int) ([]store.Queued, error)
	SetAside() ([]store.Queued, error)
	Depth() int
}

// List lists a queue.
func List(q Reader) (Listing, error) {
	waiting, err := q.Waiting(0, maxListed)
	aside, asideErr := q.SetAside()
	return Listing{Depth: q.Depth(), Waiting: listed(waiting), SetAside: listed(aside)}, errors.Join(err, asideErr)
}

func listed(messages []store.Queued) []Listed {
	list := make([]Listed, len(messages))
	for i, m := range messages {
		list[i] = Listed{ID: m.ID, RoomID: m.RoomID, At: time.UnixMilli(m.AtMs).UTC(), Body: m.Body, Failure: m.Failure}
	}
	return list
}

// Control answers usher webhooks while a server has the store open: whoever may open the socket,
// the data folder's owner.
type Control struct {
	server *http.Server
	socket net.Listener
}

// OpenControl listens in the data folder, whose store the process has open.
func OpenControl(dir string, s *Sender) (*Control, error) {
	path := filepath.Join(dir, SocketName)
	// one that is there is of a process that was killed
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	socket, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = socket.Close()
		return nil, err
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /webhooks", func(w http.ResponseWriter, _ *http.Request) {
		list, err := List(s.config.Queue)
		answer(w, list, err)
	})
	routes.HandleFunc("POST /webhooks/replay", func(w http.ResponseWriter, r *http.Request) {
		var asked Replay
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&asked); err != nil {
			http.Error(w, "the request is not understood", http.StatusBadRequest)
			return
		}
		n, err := s.config.Queue.Replay(asked.IDs)
		s.Wake()
		answer(w, Replayed{n}, err)
	})
	return &Control{&http.Server{Handler: routes, ReadTimeout: attemptTimeout}, socket}, nil
}

func answer(w http.ResponseWriter, reply any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(reply)
}

// Serve serves until Close.
func (c *Control) Serve() { _ = c.server.Serve(c.socket) }

// Leave lets Close leave the socket's name alone, because another process listens there by now.
func (c *Control) Leave() {
	if socket, ok := c.socket.(*net.UnixListener); ok {
		socket.SetUnlinkOnClose(false)
	}
}

// Close ends it, and removes the socket.
func (c *Control) Close() {
	_ = c.socket.Close()
	_ = c.server.Close()
}
