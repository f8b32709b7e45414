package server

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/edge"
	"usher/server/rooms"
	"usher/server/servertest"
	"usher/server/store"
	"usher/server/store/bolt"
)

// running is a real server on a real socket and a real file.
type running struct {
	*Server
	t   *testing.T
	dir string
	log *servertest.LogBuffer
	web *http.Client
	// known has every connection, and broken the id of a room that fails at its next Step.
	known  *recorder
	broken *atomic.Pointer[string]
	once   sync.Once
	// mayNotStore is set for a node of a cluster that may be the last one, without a majority.
	mayNotStore bool
	// elsewhere is the address of a server in another process; Server is empty then.
	elsewhere string
	end       context.CancelFunc
	done      chan error

	mu      sync.Mutex
	private []string // what the log must never have
}

// setup is what a test may change in a server before it runs.
type setup struct {
	*Config
	*outside
	// over is the link through which the edge reaches the rooms, nil for none.
	over func(*rooms.Rooms) edge.Rooms
	// prepare is called with the server just before it runs.
	prepare func(*Server)
}

// launch starts a server on a folder; when the test ends, the server is drained and what it leaves
// is checked.
func launch(t *testing.T, dir string, change func(*Config)) *running {
	t.Helper()
	return launchSetUp(t, dir, func(s *setup) {
		if change != nil {
			change(s.Config)
		}
	})
}

// launchSetUp is launch with more to set.
func launchSetUp(t *testing.T, dir string, change func(*setup)) *running {
	t.Helper()
	log := new(servertest.LogBuffer)
	config := DefaultConfig()
	config.Listen, config.DataDir = "127.0.0.1:0", dir
	config.DrainSpread = 0
	// All clients of a test have one address; the tests of its limits set these themselves.
	config.MaxConnsPerAddress = 0
	config.AddressRequests, config.AddressJoins, config.AddressMessages, config.AddressBytes = edge.Rate{}, edge.Rate{}, edge.Rate{}, edge.Rate{}
	config.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	known := new(recorder)
	broken := new(atomic.Pointer[string])
	var all setup
	out := outside{
		secret: randomSecret,
		connect: func(r *rooms.Rooms) edge.Rooms {
			known.Rooms = localRooms{r}
			if all.over != nil {
				known.Rooms = all.over(r)
			}
			return known
		},
		check: func(r *room.Room) string {
			if id := broken.Load(); id != nil && *id == r.ID() {
				broken.Store(nil)
				return "by the test"
			}
			return r.Check()
		},
	}
	all = setup{Config: &config, outside: &out, prepare: func(*Server) {}}
	change(&all)
	s, err := newServer(config, out)
	if err != nil {
		t.Fatal(err)
	}
	if s.node != nil {
		known.Rooms = s.node.Links()
	}
	all.prepare(s)
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{
		Server: s, t: t, dir: dir, log: log, known: known, broken: broken, end: cancel, done: make(chan error, 1),
		web: &http.Client{Transport: &http.Transport{TLSClientConfig: insecure()}},
	}
	r.keepPrivate("127.0.0.1", "::1", "candidate:", "v=0", "192.0.2.", "198.51.100.")
	go func() { r.done <- s.Run(ctx) }()
	t.Cleanup(r.stop)
	return r
}

// anHourOld makes a server appear to have been running for an hour.
func anHourOld(s *setup) {
	c := newClock(time.Now())
	ran := c.ran
	c.ran = func() time.Duration { return ran() + time.Hour }
	c.looked.Store(int64(c.ran()))
	c.startMs -= time.Hour.Milliseconds()
	s.clock = c
}

// view returns what can be seen of a room in memory, or the zero View if it is not there.
func (r *running) view(id string) rooms.View {
	for _, v := range r.rooms.InMemory() {
		if v.ID == id {
			return v
		}
	}
	return rooms.View{}
}

func serve(t *testing.T, change func(*Config)) *running {
	t.Helper()
	return launch(t, t.TempDir(), change)
}

// stop drains the server. Its clients should be closed first, or it takes closeGrace.
func (r *running) stop() {
	r.once.Do(func() {
		r.t.Helper()
		r.end()
		select {
		case err := <-r.done:
			if err != nil && !r.mayNotStore {
				r.t.Errorf("Run returned %v", err)
			}
		case <-time.After(servertest.Patience):
			r.t.Error("Run did not return")
		}
		r.web.CloseIdleConnections()
		if n := r.metrics.Connections.Load(); n != 0 {
			r.t.Errorf("%d connections are left", n)
		}
		servertest.Eventually(r.t, "no socket is counted by address", func() bool { return r.edge.Sockets() == 0 })
		r.checkLog()
	})
}

func (r *running) keepPrivate(texts ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.private = append(r.private, texts...)
}

// checkLog fails on a line that contains a secret, and on a line about a client that cannot be
// traced.
func (r *running) checkLog() {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for line := range strings.Lines(r.log.String()) {
		if strings.Contains(line, " part=nats") || strings.Contains(line, `msg="another node is reached over NATS only`) {
			continue // about the other nodes
		}
		if strings.Contains(line, "msg=serving ") || strings.Contains(line, `msg="serving metrics" `) || strings.Contains(line, `msg="serving TURN" `) {
			continue // the address is the server's own
		}
		for _, text := range r.private {
			if strings.Contains(line, text) {
				r.t.Errorf("%q is in the log: %s", text, line)
			}
		}
		for _, about := range []string{"msg=request ", "connection", "handshake", "msg=refused", "msg=bounced"} {
			if strings.Contains(line, about) && !strings.Contains(line, "requestId=") &&
				!strings.Contains(line, `"closing connections"`) && !strings.Contains(line, "TLS handshake") || strings.Contains(line, `requestId=""`) {
				r.t.Errorf("no requestId: %s", line)
			}
		}
	}
}

func (r *running) address() string {
	if r.elsewhere != "" {
		return r.elsewhere
	}
	return r.Addr().String()
}

func (r *running) url(path string) string {
	scheme := "http://"
	if r.certs != nil {
		scheme = "https://"
	}
	return scheme + r.address() + path
}

// ask sends a request with headers given as "Name: value".
func (r *running) ask(method, path string, headers ...string) (*http.Response, string) {
	r.t.Helper()
	request, err := http.NewRequest(method, r.url(path), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header = headersOf(headers)
	response, err := r.web.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return response, ""
	}
	body, _ := io.ReadAll(response.Body)
	return response, string(body)
}

func headersOf(lines []string) http.Header {
	h := make(http.Header)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

// copyStore returns a folder with the store's file as a crash at this moment would leave it.
func (r *running) copyStore() string {
	r.t.Helper()
	dir := r.t.TempDir()
	data, err := os.ReadFile(filepath.Join(r.dir, "rooms.db"))
	if err != nil {
		r.t.Fatal(err)
	}
	writeFile(r.t, filepath.Join(dir, "rooms.db"), data)
	return dir
}

// stored returns the rooms in a folder that no server has open.
func stored(t *testing.T, dir string) map[string]protocol.RoomState {
	t.Helper()
	reader, err := bolt.OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	rooms := make(map[string]protocol.RoomState)
	config := room.DefaultConfig()
	err = reader.All(t.Context(), func(id string, record store.Record) error {
		r, err := room.Restore(&config, id, record.Snapshot)
		if err == nil {
			rooms[id] = r.State()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return rooms
}
