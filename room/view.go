package room

// View is a room as its operator sees it: everything but what people watch, write and send.
type View struct {
	Name        string `json:"name"`
	ControlMode string `json:"controlMode"`
	Entry       string `json:"entry"`
	HasPasscode bool   `json:"hasPasscode"`
	MaxPeople   int    `json:"maxPeople"`
	Listed      bool   `json:"listed"`
	RelayOnly   bool   `json:"relayOnly"`
	CreatedAt   int64  `json:"createdAt"`
	ActiveAt    int64  `json:"activeAt"`
	// ExpiresAt is when the room ends if nothing more happens to it.
	ExpiresAt int64 `json:"expiresAt"`
	// KeepMs is how long it stays when it is empty.
	KeepMs int64        `json:"keepMs"`
	People []PersonView `json:"people"`
	Bans   []BanView    `json:"bans"`
	// Connections counts the sockets, and Knocks those who wait to be let in.
	Connections int `json:"connections"`
	Knocks      int `json:"knocks"`
}

// PersonView is a seat.
type PersonView struct {
	UserID      string `json:"userId"`
	UserName    string `json:"userName"`
	Role        string `json:"role"`
	IsConnected bool   `json:"isConnected"`
	// IsLegacy: the client has not said "protocol":1.
	IsLegacy bool  `json:"isLegacy"`
	JoinedAt int64 `json:"joinedAt"`
}

// BanView is a ban.
type BanView struct {
	UserID   string `json:"userId"`
	UserName string `json:"userName"`
	BannedAt int64  `json:"bannedAt"`
}

// View returns the room, which must exist, as its operator sees it.
func (r *Room) View() View {
	v := View{
		Name: r.name, ControlMode: r.mode.String(), Entry: r.door.entry.String(), HasPasscode: r.door.passcode != nil,
		MaxPeople: r.seatsMax(), Listed: r.door.listed, RelayOnly: r.relayOnly, CreatedAt: r.createdAtMs,
		ActiveAt: r.lastActivityMs, ExpiresAt: r.ExpiresAtMs(), KeepMs: r.kept(), Connections: len(r.conns),
		People: make([]PersonView, len(r.seats)), Bans: make([]BanView, len(r.bans)),
	}
	for i, s := range r.seats {
		v.People[i] = PersonView{
			UserID: s.id, UserName: s.name, Role: r.role(s).String(), IsConnected: s.conn != nil, IsLegacy: !s.modern, JoinedAt: s.joinedAtMs,
		}
	}
	for i := range r.bans {
		v.Bans[i] = BanView{UserID: r.bans[i].userID, UserName: r.bans[i].name, BannedAt: r.bans[i].bannedAtMs}
	}
	for _, k := range r.knocks {
		if k.state == knockOpen {
			v.Knocks++
		}
	}
	return v
}

// Name returns what the room is called.
func (r *Room) Name() string { return r.name }

// CreatedAtMs is when the room was created.
func (r *Room) CreatedAtMs() int64 { return r.createdAtMs }

// Connected returns how many of the seats have a connection.
func (r *Room) Connected() (n int) {
	for _, s := range r.seats {
		if s.conn != nil {
			n++
		}
	}
	return n
}

// UserOf returns the user id of a connection's seat, "" if it has none.
func (r *Room) UserOf(id ConnID) string {
	if c := r.connOf(id); c != nil && c.seat != nil {
		return c.seat.id
	}
	return ""
}
