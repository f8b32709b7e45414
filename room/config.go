package room

import "usher/protocol"

// TokenlessRejoin determines from which addresses a client without a resume token may take its
// seat again. It never applies to a seat whose client sent "protocol":1.
type TokenlessRejoin uint8

// The values of TokenlessRejoin.
const (
	// RejoinFromAddress allows it from the network address that holds or held the seat.
	RejoinFromAddress TokenlessRejoin = iota
	// RejoinFromAnywhere allows it to anyone who knows the user id. It is for networks whose
	// clients change their address all the time and trust each other.
	RejoinFromAnywhere
	// RejoinNever keeps every seat for its token only.
	RejoinNever
)

var rejoinNames = [...]string{RejoinFromAddress: "address", RejoinFromAnywhere: "anywhere", RejoinNever: "never"}

// String returns the name used in settings.
func (t TokenlessRejoin) String() string { return rejoinNames[t] }

// ParseTokenlessRejoin returns the value with the given name: address, anywhere or never.
func ParseTokenlessRejoin(name string) (TokenlessRejoin, bool) {
	for t, known := range rejoinNames {
		if name == known {
			return TokenlessRejoin(t), true
		}
	}
	return 0, false
}

// Config holds the deadlines and limits of a room. All durations are in milliseconds. Every room
// of a shell shares it, and it never changes after the first Step.
type Config struct {
	// SeatGraceMs is how long a seat is held after its connection dropped. 1 s to 1 h. Default 40
	// s, a little more than the five attempts of a legacy client (34 s).
	SeatGraceMs int64
	// IdleMs is how long a connection may send nothing at all, not even a PING. 10 s to 24 h.
	// Default 90 s: browsers throttle the timers of a hidden page to one a minute.
	IdleMs int64
	// RoomIdleMs is how long a room may receive nothing but PINGs before it is ended. 1 min to 30
	// days. Default 12 h: a long film night needs no signaling at all.
	RoomIdleMs int64
	// EmptyRoomMs is how long a room outlives its last seat. 0 to 30 days. Default 0: the room ends
	// with its last seat.
	EmptyRoomMs int64
	// MaxKeepMs bounds the keepMs of a room. 0 to 365 days. Default 30 days; 0 keeps no room.
	MaxKeepMs int64
	// PingIntervalMs is the interval that join replies recommend to clients. 1 s to IdleMs.
	// Default 20 s, less than the 30 s after which Chrome stops an idle service worker.
	PingIntervalMs int64
	// TokenlessRejoin is RejoinFromAddress by default.
	TokenlessRejoin TokenlessRejoin
	// Hibernates: the shell drops rooms while their sockets stay open, so it carries out Attach.
	// Any other gets no Attach, and its rooms keep less. Default false.
	Hibernates bool
	// IdentityRequired: only somebody whom the shell has identified may have a seat. Then no seat
	// can be had again without its token, and legacy clients, which cannot send a token, are
	// refused. Default false.
	IdentityRequired bool
	// MaxPeople is how many seats a room has. 2 to 250. Default 50.
	MaxPeople int
	// KnockWaitMs is how long somebody waits to be let in until the knock expires. 10 s to 1 h.
	// Default 5 min.
	KnockWaitMs int64
	// MaxKnocks is how many may wait to be let in at once. 1 to 200. Default 20: the host sees them
	// all in one list.
	MaxKnocks int
	// MessagesPerSecond and MessageBurst bound what one connection may send; a request that changes
	// the room counts as 20 messages. The burst must hold the reconnect of a whole full room: 15
	// messages to each of 49 others, five times over, is 3 675. Defaults 200 and 4 000.
	MessagesPerSecond, MessageBurst int
	// BytesPerSecond and ByteBurst bound the payload bytes in the same way. Defaults 256 KiB and
	// 4 MiB.
	BytesPerSecond, ByteBurst int
	// OutputPerSecond and OutputBurst bound the bytes that the requests and broadcasts of one
	// connection make the room send, to all receivers together. What goes to only one receiver is
	// not counted. A rename costs some 145 bytes for each participant and receiver: 0.4 MB in a
	// room of 50, 9 MB in one of 250. Defaults 2 MiB and 64 MiB.
	OutputPerSecond, OutputBurst int
	// RoomOutputPerSecond and RoomOutputBurst bound the same for the room as a whole. The burst
	// must hold five reconnects of everybody in a full room. When one of 50 legacy clients drops
	// and returns, the others get 0.73 MB if all of them are connected (183 MB in total), and
	// 0.37 MB on average if all drop and return at once (92 MB). Defaults 16 MiB and 256 MiB.
	RoomOutputPerSecond, RoomOutputBurst int
	// RoomRequestsPerSecond and RoomRequestBurst bound the requests that change a room, joins
	// included. Defaults 50 and 1 000.
	RoomRequestsPerSecond, RoomRequestBurst int
	// PingTimeoutMs is how long a connection may take to show life after a Ping when another
	// connection asks for its seat. Default 5 s. 0 is for a shell that cannot ping: a dead
	// connection is then found by its silence.
	PingTimeoutMs int64
	// ICERenewMs is how long a participant's ICE servers are used before the shell is asked for
	// others: half of what their credentials are valid for. 0, the default, is for a shell whose
	// ICE servers need no credentials.
	ICERenewMs int64
	// Report: the shell is told what happens in the room, by Report. Default false.
	Report bool
}

// DefaultConfig returns the defaults given at each field.
func DefaultConfig() Config {
	return Config{
		SeatGraceMs:       40_000,
		IdleMs:            90_000,
		RoomIdleMs:        12 * 60 * 60 * 1000,
		EmptyRoomMs:       0,
		MaxKeepMs:         30 * 24 * 60 * 60 * 1000,
		PingIntervalMs:    20_000,
		TokenlessRejoin:   RejoinFromAddress,
		MaxPeople:         50,
		KnockWaitMs:       5 * 60_000,
		MaxKnocks:         20,
		MessagesPerSecond: 200,
		MessageBurst:      4_000,
		BytesPerSecond:    256 << 10,
		ByteBurst:         4 << 20,

		OutputPerSecond:       2 << 20,
		OutputBurst:           64 << 20,
		RoomOutputPerSecond:   16 << 20,
		RoomOutputBurst:       256 << 20,
		RoomRequestsPerSecond: 50,
		RoomRequestBurst:      1_000,
		PingTimeoutMs:         5_000,
	}
}

// Unit is what a setting counts.
type Unit uint8

// The units.
const (
	Milliseconds Unit = iota
	Count
	Bytes
)

// Setting is one number of a Config, with its name and bounds, which are the same in every shell.
type Setting struct {
	// Name is the name of the command's flag, such as "seat-grace".
	Name string
	Unit Unit
	// Low and High are the least and the greatest value.
	Low, High int64

	ms *int64
	n  *int
}

// Value returns the setting's value in the Config.
func (s Setting) Value() int64 {
	if s.ms != nil {
		return *s.ms
	}
	return int64(*s.n)
}

// Set changes the setting in the Config. The value is not checked.
func (s Setting) Set(value int64) {
	if s.ms != nil {
		*s.ms = value
		return
	}
	*s.n = int(value)
}

// Valid reports whether the value in the Config is within the bounds.
func (s Setting) Valid() bool { return s.Value() >= s.Low && s.Value() <= s.High }

// Settings returns the numbers of the Config. The bound of ping-interval is the Config's IdleMs.
func (c *Config) Settings() []Setting {
	const (
		second = 1000
		minute = 60 * second
		hour   = 60 * minute
		day    = 24 * hour
		// Rates and bursts are bounded far above what a connection can do, so that a typing error
		// is noticed.
		maxRate, maxByteRate = 1_000_000, 1 << 30
	)
	return []Setting{
		{Name: "seat-grace", Low: second, High: hour, ms: &c.SeatGraceMs},
		{Name: "idle-timeout", Low: 10 * second, High: day, ms: &c.IdleMs},
		{Name: "room-idle", Low: minute, High: 30 * day, ms: &c.RoomIdleMs},
		{Name: "empty-room", Low: 0, High: 30 * day, ms: &c.EmptyRoomMs},
		{Name: "max-keep", Low: 0, High: protocol.MaxKeepMs, ms: &c.MaxKeepMs},
		{Name: "ping-interval", Low: second, High: c.IdleMs, ms: &c.PingIntervalMs},
		{Name: "max-people", Unit: Count, Low: 2, High: protocol.MaxRoomPeople, n: &c.MaxPeople},
		{Name: "knock-wait", Low: 10 * second, High: hour, ms: &c.KnockWaitMs},
		{Name: "max-knocks", Unit: Count, Low: 1, High: 200, n: &c.MaxKnocks},
		{Name: "message-rate", Unit: Count, Low: 1, High: maxRate, n: &c.MessagesPerSecond},
		{Name: "message-burst", Unit: Count, Low: 1, High: maxRate, n: &c.MessageBurst},
		{Name: "byte-rate", Unit: Bytes, Low: 1, High: maxByteRate, n: &c.BytesPerSecond},
		{Name: "byte-burst", Unit: Bytes, Low: 1, High: maxByteRate, n: &c.ByteBurst},
		{Name: "output-rate", Unit: Bytes, Low: 1, High: maxByteRate, n: &c.OutputPerSecond},
		{Name: "output-burst", Unit: Bytes, Low: 1, High: maxByteRate, n: &c.OutputBurst},
		{Name: "room-output-rate", Unit: Bytes, Low: 1, High: maxByteRate, n: &c.RoomOutputPerSecond},
		{Name: "room-output-burst", Unit: Bytes, Low: 1, High: maxByteRate, n: &c.RoomOutputBurst},
		{Name: "room-request-rate", Unit: Count, Low: 1, High: maxRate, n: &c.RoomRequestsPerSecond},
		{Name: "room-request-burst", Unit: Count, Low: 1, High: maxRate, n: &c.RoomRequestBurst},
	}
}
