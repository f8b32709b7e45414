package room

// Checkpoint is a room at a moment between two Steps, with its connections. Unlike a snapshot it is
// not for the store: a replay begins with it.
type Checkpoint struct {
	// Snapshot is nil if the room does not exist.
	Snapshot []byte `json:"snapshot,omitzero"`
	// AlarmMs is when the alarm is due, and SavedActivityMs the last activity that was stored.
	AlarmMs         int64 `json:"alarmMs,omitzero"`
	SavedActivityMs int64 `json:"savedActivityMs,omitzero"`
	// HadTokens reports that the room must be stored again, because an older program stored tokens.
	HadTokens   bool         `json:"hadTokens,omitzero"`
	Attachments []Attachment `json:"attachments,omitzero"`
}

// Checkpoint returns the room as it is now.
func (r *Room) Checkpoint() Checkpoint {
	c := Checkpoint{AlarmMs: r.alarmMs, SavedActivityMs: r.savedActivityMs, HadTokens: r.hadTokens}
	if r.Exists() {
		c.Snapshot = r.AppendSnapshot(nil)
	}
	for _, conn := range r.conns {
		a := Attachment{Conn: conn.id, Bytes: r.AppendAttachment(nil, conn.id)}
		switch {
		case conn.wait != nil:
			a.Secret = conn.wait.secret
		case conn.knocking != nil:
			a.Secret = conn.knocking.secret
		}
		c.Attachments = append(c.Attachments, a)
	}
	return c
}

// Room returns the room of a checkpoint. No Restored or Woken comes before the next event. The
// error is ErrSnapshot or ErrNewer.
func (c *Checkpoint) Room(config *Config, id string) (*Room, error) {
	r, err := Wake(config, id, c.Snapshot, c.AlarmMs, c.Attachments)
	if err != nil {
		return nil, err
	}
	r.savedActivityMs, r.hadTokens = c.SavedActivityMs, c.HadTokens
	return r, nil
}

// SeatedAs returns the user id of the connection's seat, "" if it has none.
func (r *Room) SeatedAs(id ConnID) string {
	if c := r.connOf(id); c != nil && c.seat != nil {
		return c.seat.id
	}
	return ""
}

// Placeholders replaces what tells who somebody is, or what they write, by something of the same
// length that decides everything in the same way.
type Placeholders interface {
	RoomID(string) string
	UserID(string) string
	// Name is for what people are called, and Text for all other text.
	Name(string) string
	Text(string) string
	Address(uint64) uint64
	// TokenHash is for the hash of a token, Digest for that of a passcode, and Random for salts and
	// for the ids of tickets.
	TokenHash([32]byte) [32]byte
	Digest([32]byte) [32]byte
	Random([16]byte) [16]byte
}

// Redact puts placeholders into the room, which is good for a Checkpoint only. The secrets of its
// connections are the caller's to replace. What a later program has put into the snapshot goes.
func (r *Room) Redact(p Placeholders) {
	r.id, r.name, r.creator, r.unknown = p.RoomID(r.id), p.Name(r.name), p.Address(r.creator), nil
	if r.stay != nil {
		r.stay.ownerToken = p.TokenHash(r.stay.ownerToken)
	}
	if v := r.playback; v != nil {
		v.video.URL, v.host.URL, v.url = p.Text(v.video.URL), p.Text(v.host.URL), p.Text(v.url)
	}
	keys := make(map[uint32]uint32, len(r.seats)) // the keys of seats in reports about paths
	for _, s := range r.seats {
		before := s.pathKey()
		s.id, s.name, s.token, s.address = p.UserID(s.id), p.Name(s.name), p.TokenHash(s.token), p.Address(s.address)
		s.hold.redact()
		keys[before] = s.pathKey()
	}
	for i := range r.bans {
		b := &r.bans[i]
		b.userID, b.name, b.token, b.address = p.UserID(b.userID), p.Name(b.name), p.TokenHash(b.token), p.Address(b.address)
	}
	for _, k := range r.knocks {
		k.userID, k.name, k.token, k.address = p.UserID(k.userID), p.Name(k.name), p.TokenHash(k.token), p.Address(k.address)
	}
	for i := range r.passes {
		r.passes[i].id = p.Random(r.passes[i].id)
	}
	for i := range r.spent {
		r.spent[i].address = p.Address(r.spent[i].address)
	}
	if g := r.guesses; g != nil {
		for i := range g.guessers {
			g.guessers[i].address = p.Address(g.guessers[i].address)
		}
		for i := range g.entered {
			g.entered[i] = p.Address(g.entered[i])
		}
	}
	if code := r.door.passcode; code != nil {
		code.salt, code.digest = p.Random(code.salt), p.Digest(code.digest)
	}
	for _, c := range r.conns {
		c.redact(p)
		notes := c.notes()
		for i := range notes {
			notes[i].seat = keys[notes[i].seat] // 0 for a seat that has ended
		}
	}
}

func (h *hold) redact() {
	if h == nil {
		return
	}
	for _, frame := range h.frames {
		for i := typeEnd(frame); i < len(frame); i++ {
			frame[i] = ' '
		}
	}
}

// typeEnd is where the type of a frame ends that begins with it, 0 for others.
func typeEnd(frame []byte) int {
	const before = `{"type":"`
	if len(frame) < len(before) || string(frame[:len(before)]) != before {
		return 0
	}
	for i, c := range frame[len(before):] {
		switch {
		case c == '"':
			return len(before) + i + 1
		case (c < 'A' || c > 'Z') && c != '_':
			return 0
		}
	}
	return 0
}

func (c *conn) redact(p Placeholders) {
	c.address = p.Address(c.address)
	if c.identity != nil {
		who := c.identity.Redacted(p)
		c.identity = &who
	}
	if w := c.wait; w != nil {
		w.userID, w.name, w.ref = p.UserID(w.userID), p.Name(w.name), p.Text(w.ref)
	}
	if k := c.knocking; k != nil {
		k.ref = p.Text(k.ref)
	}
	if h := c.checking; h != nil {
		h.ref = p.Text(h.ref)
	}
}

// Redacted returns the identity with placeholders.
func (who Identity) Redacted(p Placeholders) Identity {
	if who.UserID != "" {
		who.UserID = p.UserID(who.UserID)
	}
	who.Name = p.Name(who.Name)
	if who.Once != (PassID{}) {
		who.Once = p.Random(who.Once)
	}
	return who
}

// KnownUserIDs calls see with each user id that the room knows, some of them more than once. An
// order of the ids may decide what happens.
func (r *Room) KnownUserIDs(see func(string)) {
	for _, s := range r.seats {
		see(s.id)
	}
	for i := range r.bans {
		see(r.bans[i].userID)
	}
	for _, k := range r.knocks {
		see(k.userID)
	}
	for _, c := range r.conns {
		if c.wait != nil {
			see(c.wait.userID)
		}
		if c.identity != nil && c.identity.UserID != "" {
			see(c.identity.UserID)
		}
	}
}
