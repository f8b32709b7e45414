package edge

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/auth"
	"usher/server/metrics"
	"usher/server/tracing"
	"usher/server/turn"
)

// Rooms is the owner of the rooms, in this process or in another.
type Rooms interface {
	// Open connects a socket to a room. The code is "", or the reason for the refusal. The Socket's
	// methods may be called before Open returns.
	Open(ctx context.Context, roomID string, o Opening, s Socket) (Session, protocol.Code)
	// Describe returns what somebody with an invitation may know about a room, or the reason for
	// refusing it.
	Describe(ctx context.Context, roomID string) (protocol.RoomSummary, protocol.Code)
	// Seated returns when a seat was taken, if the resume token is that of the user's seat in the
	// room, or the reason for refusing it.
	Seated(ctx context.Context, roomID, userID, token string) (takenAtMs int64, refusal protocol.Code)
	// Create creates a room ahead of its people, and returns what was made of it, or the reason for
	// the refusal: ROOM_EXISTS if it exists.
	Create(ctx context.Context, roomID string, a room.Arrangement) (made room.Creation, refusal protocol.Code)
	// Operate does to a room what an operator wants, or returns the reason for the refusal.
	Operate(ctx context.Context, roomID string, act room.Act) (refusal protocol.Code)
	// View returns a room as its operator sees it, or the reason for the refusal.
	View(ctx context.Context, roomID string) (view room.View, refusal protocol.Code)
}

// Opening is what a room learns about a new connection.
type Opening struct {
	// Address is a keyed hash of the client's network address; equal addresses have equal hashes.
	Address uint64
	// Uncounted is set if the client is itself a trusted proxy, so that no limit applies to the
	// rooms that it creates.
	Uncounted bool
	// RequestID is for the log.
	RequestID string
	// Identity is what has been verified about the client, nil for nothing.
	Identity *room.Identity
	// Trace is what the connection is part of, nil for no trace.
	Trace *tracing.Context
	// Waits is called before Open waits for a disk, a lock that is held meanwhile, or another node.
	// It may be nil.
	Waits func()
}

// Session is the room's view of a connection. Its methods may be called from any goroutine, but the
// events of one socket must be reported one after the other. None of them blocks for long.
type Session interface {
	RoomID() string
	// Received reports a text frame, which is not used after it returns. refuseSeat is "", or the
	// reason that the client may not take a new seat now. batch is passed to Socket.Send for every
	// frame that this one causes.
	Received(f *protocol.Frame, refuseSeat protocol.Code, batch any)
	// Relayed is Received for a frame that protocol.DecodeRelay has read. If it returns false, it
	// has done nothing, and Received must be called.
	Relayed(frame []byte, r *protocol.Relay, batch any) bool
	// ReceivedBinary reports a binary frame. Seen reports a control frame, which proves that the
	// client is alive.
	ReceivedBinary()
	Seen()
	// Exceeded reports that the client's address has used up its budget for messages.
	Exceeded()
	// Close makes the room close the socket with that code, after the frames that are queued for
	// it, and ends the session.
	Close(protocol.CloseCode)
	// Disconnected reports the end of the socket.
	Disconnected(protocol.CloseCode)
}

// Socket is the client's end of a Session. A Conn implements it.
type Socket interface {
	Send(frame []byte, batch any)
	Ping()
	Close(protocol.CloseCode)
	Cut()
	Stands(room.Standing)
}

// Auth finds out who somebody is. An auth.Auth implements it.
type Auth interface {
	// Required reports whether nobody is let in without a token, ticket or invite.
	Required() bool
	// Identify returns what credentials say about somebody who wants into a room, nil for none.
	Identify(ctx context.Context, roomID string, c auth.Credentials) (*room.Identity, *auth.Refusal)
	// GivesTickets reports whether there are accounts.
	GivesTickets() bool
	// Ticket makes a ticket.
	Ticket(roomID string, who *room.Identity) (ticket string, untilMs int64)
}

// DefaultMaxSockets is how many sockets one address may have open. When a room of 50 reconnects,
// its clients have new sockets before the old ones have ended.
const DefaultMaxSockets = 200

// The default rates let a full room of 50 behind one address reconnect five times in a row
// (docs/design.md).
var (
	// DefaultRequestRate bounds HTTP requests, handshakes included.
	DefaultRequestRate = Rate{20, 2_000}
	// DefaultJoinRate bounds joins.
	DefaultJoinRate = Rate{3, 300}
	// DefaultMessageRate bounds messages. A request counts as RequestCost messages.
	DefaultMessageRate = Rate{2_000, 200_000}
	// DefaultByteRate bounds the bytes of messages.
	DefaultByteRate = Rate{2 << 20, 200 << 20}
)

// Config configures an Edge. All fields must be valid.
type Config struct {
	// Rooms owns the rooms that clients connect to.
	Rooms Rooms
	// Auth finds out who somebody is.
	Auth Auth
	// OwnerAddress returns host:port of the node that owns a room, "" if none does now. It enables
	// /cluster/owner, which balancers ask. Nil without a cluster.
	OwnerAddress func(roomID string) string
	// ClusterStatus and ClusterDrain serve /cluster/status and /cluster/drain, beside /metrics; nil
	// for neither.
	ClusterStatus, ClusterDrain http.HandlerFunc
	// CreateRoom is POST /rooms, nil if it does not exist.
	CreateRoom http.HandlerFunc
	// Operator are the routes for operators and their programs.
	Operator []Route
	// Ready returns "", or the reason that no new room may be created.
	Ready func() protocol.Code
	// Full reports whether memory is nearly used up; if so, newcomers are refused.
	Full func() bool
	// RunningMs is the clock of the budgets, in milliseconds. It stands still while the process
	// does not run.
	RunningMs func() int64
	// Delay waits for d, unless ctx ends or the server drains. If it is nil, the edge waits itself.
	Delay func(ctx context.Context, d time.Duration)
	// CloseGrace is how long a client has to reply to a close frame before its socket is closed,
	// whatever it still sends. Default 2 s.
	CloseGrace time.Duration
	// Secret is the key that network addresses are hashed with. It must stay the same across
	// restarts.
	Secret [32]byte

	// MaxFrameBytes bounds one message from a client. MaxPendingBytes bounds what is queued for it.
	MaxFrameBytes, MaxPendingBytes int
	// MaxSockets bounds the open sockets of one network address; 0 means no bound.
	MaxSockets int
	// RequestRate, JoinRate, MessageRate and ByteRate bound the HTTP requests, the joins, the
	// messages (a request counts as RequestCost) and the bytes of messages of one network address.
	RequestRate, JoinRate, MessageRate, ByteRate Rate

	// AllowOrigins are origins in the form that ParseOrigins takes.
	AllowOrigins []string
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// ICE has what /turn-credentials hands out: STUN servers to everybody, TURN servers to the
	// seated.
	ICE turn.Provider
	// Lister is nil if GET /rooms does not exist.
	Lister Lister
	// TURNOpen is whether those without a seat get TURN servers, for turn.OpenTTL.
	TURNOpen bool
	// TURNTTL is how long credentials are valid if the client asks for no other time.
	TURNTTL time.Duration
	// Admin enables the admin page at /admin.
	Admin bool
	// Page enables the page at /. ServeMetrics enables /metrics.
	Page, ServeMetrics bool

	// Metrics counts what happens.
	Metrics *metrics.Metrics
	// Tracer makes spans of requests, nil for none.
	Tracer *tracing.Tracer
	// Log receives nothing that identifies a client or a room.
	Log *slog.Logger
}

// Route is a path that only operators and their programs use. Pages of other origins cannot.
type Route struct {
	// Path is a http.ServeMux pattern without method and host.
	Path string
	// Methods are those that are allowed.
	Methods []string
	// Cost is how many requests one counts as; 0 means 1.
	Cost    int
	Handler http.HandlerFunc
}

// Lister knows the rooms that want to be listed.
type Lister interface {
	// List returns up to n of them in the order of their ids, from the first after the given id.
	// more reports whether others follow.
	List(after string, n int) (page []protocol.RoomSummary, more bool)
}
