package edge

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/metrics"
)

// Rooms are whoever owns the rooms, in this process or another.
type Rooms interface {
	// Open connects a socket to a room. The code says why not, or is "". The Socket's methods may be
	// called before Open returns.
	Open(ctx context.Context, roomID string, o Opening, s Socket) (Session, protocol.Code)
	// Describe returns what somebody with an invitation may know of a room, or why not.
	Describe(ctx context.Context, roomID string) (protocol.RoomSummary, protocol.Code)
}

// Opening is what a room is told of a new connection.
type Opening struct {
	// Address is a keyed hash of the client's network address, equal for equal addresses.
	Address uint64
	// Uncounted: the client is a trusted proxy itself, so the rooms that it creates are not bounded.
	Uncounted bool
	// RequestID is for the log.
	RequestID string
}

// Session is a connection as its room has it. Its methods may be called from any goroutine, but the
// events of one socket one after the other. None of them blocks for long.
type Session interface {
	RoomID() string
	// Received reports a text frame, which is not used after it returns. refuseSeat is why the client
	// may take no new seat now, or "". batch is passed to Socket.Send for what that causes.
	Received(f *protocol.Frame, refuseSeat protocol.Code, batch any)
	// ReceivedBinary reports a binary frame, Seen a control frame, which proves life.
	ReceivedBinary()
	Seen()
	// Exceeded reports that the client's address has used up what it may send.
	Exceeded()
	// Close has the room close the socket with that code, after what waits for it, and end the session.
	Close(protocol.CloseCode)
	// Disconnected reports the end of the socket.
	Disconnected(protocol.CloseCode)
}

// Socket is the client's end of a Session: a Conn.
type Socket interface {
	Send(frame []byte, batch any)
	Ping()
	Close(protocol.CloseCode)
	Cut()
	Stands(room.Standing)
}

// DefaultMaxSockets is how many sockets one address may have open: a room of 50 that reconnects has
// new ones while the old ones have not ended.
const DefaultMaxSockets = 200

// The default rates let a full room of 50 behind one address reconnect five times in a row
// (docs/design.md).
var (
	// DefaultRequestRate is of HTTP requests, handshakes included.
	DefaultRequestRate = Rate{20, 2_000}
	// DefaultJoinRate is of joins.
	DefaultJoinRate = Rate{3, 300}
	// DefaultMessageRate is of messages, requests counting for RequestCost.
	DefaultMessageRate = Rate{2_000, 200_000}
	// DefaultByteRate is of their bytes.
	DefaultByteRate = Rate{2 << 20, 200 << 20}
)

// Config is what an Edge can be told. All fields must be valid.
type Config struct {
	// Rooms are those that clients come to.
	Rooms Rooms
	// Ready says why no new room is welcome, or "".
	Ready func() protocol.Code
	// Full reports whether memory is nearly used up, so that newcomers are refused.
	Full func() bool
	// RunningMs is the clock of the budgets. It stands still while the process does not run.
	RunningMs func() int64
	// Delay waits for so long, unless ctx ends or the server drains. Nil does.
	Delay func(ctx context.Context, d time.Duration)
	// CloseGrace is how long a client has to answer a close frame, before its socket is closed
	// whatever it still sends. Default 2 s.
	CloseGrace time.Duration
	// Secret is the key that network addresses are hashed with. It must stay the same over restarts.
	Secret [32]byte

	// MaxFrameBytes bounds one message from a client, and MaxPendingBytes what waits to be written to it.
	MaxFrameBytes, MaxPendingBytes int
	// MaxSockets bounds the open sockets of one network address, 0 for no bound.
	MaxSockets int
	// RequestRate, JoinRate, MessageRate and ByteRate bound what one network address does: HTTP requests,
	// joins, messages (requests counting for RequestCost) and their bytes.
	RequestRate, JoinRate, MessageRate, ByteRate Rate

	// AllowOrigins are in the form of ParseOrigins.
	AllowOrigins []string
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// ICEServers are handed out by /turn-credentials.
	ICEServers []ICEServer
	// TURNSecret makes credentials for those that have none.
	TURNSecret string
	// Page is whether / serves the page. ServeMetrics is whether /metrics is served.
	Page, ServeMetrics bool

	// Metrics counts what happens.
	Metrics *metrics.Metrics
	// Log is told nothing that identifies a client or a room.
	Log *slog.Logger
}
