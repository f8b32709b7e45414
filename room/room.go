package room

import (
	"usher/protocol"
)

// Room is one room. New and Restore make one; Step is the only way to change it.
type Room struct {
	config *Config
	id     string

	// createdAtMs is 0 while the room does not exist: connections have asked for it, but nobody
	// has created it yet.
	createdAtMs    int64
	lastActivityMs int64
	// savedActivityMs is the lastActivityMs of the snapshot that was last given to the shell to
	// store.
	savedActivityMs int64
	emptySinceMs    int64
	creator         uint64
	name            string
	mode            protocol.ControlMode
	// relayOnly: participants reach each other through TURN servers only.
	relayOnly bool
	// hadTokens: the snapshot has tokens that a program of an older version wrote as they are, and
	// no Save or SaveLater has replaced it yet.
	hadTokens bool
	// lastSerial is the serial of the last seat made.
	lastSerial uint32
	playback   *playback
	host       *seat
	seats      []*seat
	conns      []*conn
	heldBytes  int
	alarmMs    int64
	// metMs is when somebody was last seated while others were connected.
	metMs int64
	// partedMs is when somebody's departure was last announced to a legacy client.
	partedMs int64
	// requests and output meter what the room as a whole does for its participants.
	requests, output meter
	// stay is nil if nobody has asked for the room to stay.
	stay *stay
	// bans are in the order in which they were made.
	bans []ban
	// passes are the used tickets and invites that have not expired.
	passes []pass
	// awaitedUntilMs is how long the room waits for somebody to come first, 0 if it does not.
	awaitedUntilMs int64
	door           door
	// guesses is nil if nobody has guessed.
	guesses *guesses
	// knocks are in the order in which they were made.
	knocks []*knock
	// spent holds the meters of closed connections.
	spent []spent
	// unknown holds the sections of a later version's snapshot, unchanged.
	unknown []byte
}

// seat is what the room keeps for one participant. It outlives connections.
type seat struct {
	id, name string
	// role is never Host: who is host is the room's host. The host's seat has none of its own.
	role protocol.Role
	// granted is the role that the operator has given its owner.
	granted grant
	// modern reports that the client has sent "protocol":1.
	modern bool
	// offers reports that the client is a legacy one and has offered after a seating.
	offers bool
	// serial tells the seats of a room in memory apart, as id does, but as a number.
	serial     uint32
	token      tokenHash
	joinedAtMs int64
	// address is the one that holds or last held the seat.
	address uint64
	// conn is nil while the seat is held.
	conn        *conn
	heldUntilMs int64
	hold        *hold
}

// New returns a room that does not exist yet; CREATE_ROOM makes it exist. The config is shared, not
// copied.
func New(config *Config, id string) *Room { return &Room{config: config, id: id} }

// ID returns the room's id.
func (r *Room) ID() string { return r.id }

// Exists reports whether the room has been created and has not ended.
func (r *Room) Exists() bool { return r.createdAtMs != 0 }

// Unused reports whether nothing is lost when the value is dropped: the room does not exist and
// has no connections.
func (r *Room) Unused() bool { return !r.Exists() && len(r.conns) == 0 }

// Creator returns the Address of the connection that created the room.
func (r *Room) Creator() uint64 { return r.creator }

// People returns how many seats are taken, held ones included.
func (r *Room) People() int { return len(r.seats) }

// State returns the room as its participants see it.
func (r *Room) State() protocol.RoomState {
	s := protocol.RoomState{
		ID: r.id, Name: r.name, ControlMode: r.mode, CreatedAt: r.createdAtMs, LastActivity: r.lastActivityMs,
		Users: make([]protocol.User, len(r.seats)),
	}
	if r.host != nil {
		s.HostID = r.host.id
	}
	if r.relayOnly {
		s.ICETransportPolicy = protocol.PolicyRelay
	}
	for i, seat := range r.seats {
		s.Users[i] = r.user(seat)
	}
	s.VideoState, s.HostVideoState, s.HostCurrentURL = r.playback.state(r.createdAtMs)
	door := r.shownDoor()
	s.Door = &door
	return s
}

// Listed reports whether the room wants to be listed.
func (r *Room) Listed() bool { return r.door.listed }

// Summary returns what anyone with an invitation may know about the room. The room must exist.
func (r *Room) Summary() protocol.RoomSummary {
	return protocol.RoomSummary{
		ID: r.id, Name: r.name, ControlMode: r.mode, People: len(r.seats), Entry: r.door.entry, HasPasscode: r.door.passcode != nil,
	}
}

// AddressOf returns the Address of a connection, 0 if the room does not know it.
func (r *Room) AddressOf(id ConnID) uint64 {
	if c := r.connOf(id); c != nil {
		return c.address
	}
	return 0
}

// Holds reports whether a resume token is that of the user's seat, and when the seat was taken.
// Room, user and that time name the seat: whoever joins again has another.
func (r *Room) Holds(userID, token []byte) (takenAtMs int64, ok bool) {
	hash := hashPresented(token)
	if s := r.seatOf(userID); s != nil && hash.is(&s.token) {
		return s.joinedAtMs, true
	}
	return 0, false
}

func (r *Room) user(s *seat) protocol.User {
	return protocol.User{
		ID: s.id, Name: s.name, IsHost: s == r.host, Role: r.role(s),
		IsConnected: s.conn != nil, JoinedAt: s.joinedAtMs,
	}
}

func (r *Room) seatOf(userID []byte) *seat {
	for _, s := range r.seats {
		if s.id == string(userID) {
			return s
		}
	}
	return nil
}
