package room

// TokenlessRejoin says from where a client without a resume token may take
// its seat again. It never applies to a seat whose client said "protocol":1.
type TokenlessRejoin uint8

const (
	// RejoinFromAddress allows it from the network address that holds or held the seat.
	RejoinFromAddress TokenlessRejoin = iota
	// RejoinFromAnywhere allows it to whoever knows the user id. For networks
	// whose clients change their address all the time, and trust each other.
	RejoinFromAnywhere
	// RejoinNever holds every seat for its token alone.
	RejoinNever
)

// Config has the deadlines and limits of a room. All durations are milliseconds.
// It is shared by every room of a shell and never changes after the first Step.
type Config struct {
	// SeatGraceMs is how long a seat is held after its connection dropped.
	// 1 s to 1 h. Default 40 s, a little more than the five attempts of the old extension (34 s).
	SeatGraceMs int64
	// IdleMs is how long a connection may send nothing at all, not even a PING.
	// 10 s to 24 h. Default 90 s: browsers throttle a hidden page's timers to one a minute.
	IdleMs int64
	// RoomIdleMs is how long a room may see nothing but PINGs before it is
	// ended. 1 min to 30 days. Default 12 h: a long film night needs no signaling at all.
	RoomIdleMs int64
	// EmptyRoomMs is how long a room outlives its last seat. 0 to 30 days.
	// Default 0: the room ends with its last seat.
	EmptyRoomMs int64
	// PingIntervalMs is what join answers recommend to clients. 1 s to IdleMs.
	// Default 20 s, under the 30 s after which Chrome stops an idle service worker.
	PingIntervalMs int64
	// TokenlessRejoin is RejoinFromAddress by default.
	TokenlessRejoin TokenlessRejoin
	// MaxPeople is how many seats a room has. 2 to 250. Default 50.
	MaxPeople int
	// MessagesPerSecond and MessageBurst bound what one connection may send;
	// a request that changes the room counts for 20 messages.
	// The burst must hold the reconnect of a whole full room: 15 messages
	// to each of 49 others, five times over (wire.md), is 3 675.
	// Defaults 200 and 4 000.
	MessagesPerSecond, MessageBurst int
	// BytesPerSecond and ByteBurst bound the payload bytes likewise.
	// Defaults 256 KiB and 4 MiB.
	BytesPerSecond, ByteBurst int
}

// DefaultConfig returns the defaults named at each field.
func DefaultConfig() Config {
	return Config{
		SeatGraceMs:       40_000,
		IdleMs:            90_000,
		RoomIdleMs:        12 * 60 * 60 * 1000,
		EmptyRoomMs:       0,
		PingIntervalMs:    20_000,
		TokenlessRejoin:   RejoinFromAddress,
		MaxPeople:         50,
		MessagesPerSecond: 200,
		MessageBurst:      4_000,
		BytesPerSecond:    256 << 10,
		ByteBurst:         4 << 20,
	}
}
