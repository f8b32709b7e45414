package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/auth"
	"usher/server/edge"
	"usher/server/report"
	"usher/server/rooms"
)

// Rooms are the rooms that operators act on, of all nodes.
type Rooms interface {
	Create(ctx context.Context, roomID string, a room.Arrangement) (made room.Creation, refusal protocol.Code)
	Operate(ctx context.Context, roomID string, act room.Act) (refusal protocol.Code)
	View(ctx context.Context, roomID string) (view room.View, refusal protocol.Code)
}

// Own are the rooms of this node.
type Own interface {
	Find(text, after string, n int) (page []rooms.Entry, more bool, all int)
	Watch(ctx context.Context, roomID string, signal func(rooms.Signal)) (end func(), refusal protocol.Code)
	Dump(ctx context.Context, roomID string) (dump []byte, refusal protocol.Code)
}

// Auth knows who somebody is.
type Auth interface {
	Operator(key string) (name string, scopes auth.Scopes)
	Invite(auth.Invite) string
	Issue(*auth.Claims) (token string, err error)
}

// Audit takes note of what is done by this API and is no occurrence in a room. It must not block.
type Audit interface{ Write(report.Event) }

// Config is what an API needs. Only Audit and OwnerAddress may be nil.
type Config struct {
	// Rooms are those of all nodes.
	Rooms Rooms
	// Own are those of this node.
	Own Own
	// Auth knows the keys.
	Auth Auth
	// OwnerAddress returns host:port of the node that owns a room, "" if none does now.
	OwnerAddress func(roomID string) string
	// Server returns what is known about this server.
	Server func(ctx context.Context) Server
	// Drain drains this server, or another node of the cluster. It returns at once.
	Drain func(node string) protocol.Code
	// Audit is told who has used a key to change something.
	Audit Audit
	// Draining is closed when the server begins to drain: streams end then.
	Draining <-chan struct{}
	// TrustedProxies are as the edge's.
	TrustedProxies []netip.Prefix
	// Log receives the names of keys and operations, and nothing else.
	Log *slog.Logger
}

// API serves the operations.
type API struct {
	config Config
	events *ring
	// streams counts the open ones.
	streams atomic.Int64
}

// New returns an API. It is a rooms.Observer, too: it has to be told what happens.
func New() *API { return &API{events: newRing(time.Now())} }

// Open makes the API ready for requests.
func (a *API) Open(config Config) { a.config = config }

// Happened implements rooms.Observer.
func (a *API) Happened(roomID string, occurrences []*room.Occurrence) {
	a.events.add(roomID, occurrences)
}

// Routes returns what the edge serves.
func (a *API) Routes() (routes []edge.Route) {
	byPath := map[string]map[string]*Operation{}
	var paths []string
	for i := range operations {
		o := &operations[i]
		if byPath[o.Path] == nil {
			byPath[o.Path] = map[string]*Operation{}
			paths = append(paths, o.Path)
		}
		byPath[o.Path][o.Method] = o
	}
	for _, path := range paths {
		byMethod, cost := byPath[path], 1
		var methods []string
		for method, o := range byMethod {
			methods = append(methods, method)
			cost = max(cost, o.cost)
		}
		routes = append(routes, edge.Route{Path: Prefix + path, Methods: sorted(methods), Cost: cost, Handler: func(w http.ResponseWriter, r *http.Request) {
			method := r.Method
			if method == http.MethodHead {
				method = http.MethodGet
			}
			a.serve(byMethod[method], w, r)
		}})
	}
	return append(routes, edge.Route{Path: Prefix + "/openapi.json", Methods: []string{http.MethodGet}, Handler: serveDocument})
}

// CreateRoom is POST /rooms: what POST /api/v1/rooms is.
func (a *API) CreateRoom(w http.ResponseWriter, r *http.Request) { a.serve(find("createRoom"), w, r) }
