package rooms

import (
	"context"
	"slices"
	"time"

	"usher/protocol"
	"usher/room"
)

// Frozen are the rooms of this process while none of them takes a step, so that they can be carried
// to another process. Whatever wants one of them waits for Thaw or Leave.
type Frozen struct {
	rooms *Rooms
	all   []*liveRoom
}

// Carried is a room as another process can go on with it. Its fields are exported for its encoding
// only.
type Carried struct {
	ID string
	// Snapshot is nil if the room does not exist.
	Snapshot []byte
	AlarmMs  int64
	// UntoldMs is the part of the process's pauses that the room has not been told about.
	UntoldMs int64
	LastConn room.ConnID
	Creator  uint64
	// Unsaved is set if the store does not have everything of the snapshot.
	Unsaved  bool
	Sessions []CarriedSession
}

// CarriedSession is a connection of a room.
type CarriedSession struct {
	Conn       room.ConnID
	Attachment []byte
	Address    uint64
	Uncounted  bool
	RequestID  string
}

// flushTimeout bounds how long rooms stand still because of a disk that does not respond.
const flushTimeout = time.Second

// Freeze waits, but no longer than ctx, for what goroutines find out for rooms. Then it lets each
// room end its turn, and returns once what they have saved is stored or has failed and everything
// that waited for that has been sent. It reports false if the store takes too long for that.
func (r *Rooms) Freeze(ctx context.Context) (f *Frozen, ok bool) {
	for r.looking.Load() > 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	f = &Frozen{rooms: r}
	r.registry.freeze()
	for _, l := range r.registry.all() {
		l.mu.Lock()
		f.all = append(f.all, l)
	}
	flushed := make(chan struct{})
	go func() {
		r.store.Flush()
		close(flushed)
	}()
	select {
	case <-flushed:
	case <-time.After(flushTimeout):
		return f, false
	}
	for _, l := range f.all {
		for l.flushLocked() {
		}
	}
	return f, true
}

// Len returns how many rooms Carry calls fn for.
func (f *Frozen) Len() (n int) {
	for _, l := range f.all {
		if l.isCarried() {
			n++
		}
	}
	return n
}

// isCarried reports whether anything would be lost with the room.
func (l *liveRoom) isCarried() bool { return !l.gone && (l.room.Exists() || len(l.sessions) > 0) }

// Carry calls fn with each room and the sockets of its sessions, until fn returns an error.
func (f *Frozen) Carry(fn func(c *Carried, sockets []Socket) error) error {
	now := f.rooms.config.Clock.Now()
	for _, l := range f.all {
		if !l.isCarried() {
			continue
		}
		c := Carried{ID: l.id, AlarmMs: l.alarmMs, UntoldMs: now.PausedMs - l.pausedMs, LastConn: l.lastConn, Creator: l.creator, Unsaved: l.unsaved}
		if l.room.Exists() {
			c.Snapshot = l.room.AppendSnapshot(nil)
		}
		sockets := make([]Socket, 0, len(l.sessions))
		for _, s := range l.sessions {
			c.Sessions = append(c.Sessions, CarriedSession{
				Conn: s.id, Attachment: l.room.AppendAttachment(nil, s.id), Address: l.room.AddressOf(s.id), Uncounted: s.uncounted, RequestID: l.requestIDs[s.id],
			})
			sockets = append(sockets, s.socket)
		}
		if err := fn(&c, sockets); err != nil {
			return err
		}
	}
	return nil
}

// Thaw goes on as if nothing had happened.
func (f *Frozen) Thaw() {
	f.rooms.registry.thaw(false)
	for _, l := range f.all {
		l.mu.Unlock()
	}
}

// Leave ends the rooms in this process without a word to their sockets, because they are another's.
func (f *Frozen) Leave() {
	f.rooms.registry.thaw(true)
	for _, l := range f.all {
		l.leaving = true
		if l.alarm != nil {
			l.alarm.Stop()
		}
		l.mu.Unlock()
	}
}

func (g *registry) freeze() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.frozen = make(chan struct{})
}

// thaw lets rooms be loaded again, or none ever.
func (g *registry) thaw(closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.frozen)
	g.frozen, g.closed = nil, g.closed || closed
}

// Adopted is a room that another process has carried here, and that takes no steps before Begin.
type Adopted struct {
	room *liveRoom
	// Sessions are in the order of those of Carried.
	Sessions []*Session
	left     []bool
	unsaved  bool
	alarmMs  int64
}

// Adopt makes a room of what another process has carried here. socketOf returns the socket of the
// session with that index, nil for one that could not be carried: it ends with Begin. The store
// must have the room if it exists, and nobody may have asked for it yet.
func (r *Rooms) Adopt(c *Carried, socketOf func(i int) Socket) (*Adopted, error) {
	l := &liveRoom{rooms: r, id: c.ID, lastConn: c.LastConn, creator: c.Creator}
	l.pausedMs = r.config.Clock.Now().PausedMs - c.UntoldMs
	attachments := make([]room.Attachment, len(c.Sessions))
	for i, s := range c.Sessions {
		attachments[i] = room.Attachment{Conn: s.Conn, Bytes: s.Attachment, Secret: r.config.Secret()}
	}
	var err error
	if l.room, err = room.Wake(&r.config.Room, l.id, c.Snapshot, c.AlarmMs, attachments); err != nil {
		return nil, err
	}
	a := &Adopted{room: l, unsaved: c.Unsaved, alarmMs: c.AlarmMs, left: make([]bool, len(c.Sessions))}
	for i, carried := range c.Sessions {
		s := &Session{room: l, id: carried.Conn, uncounted: carried.Uncounted, socket: socketOf(i)}
		if s.socket == nil {
			s.socket, a.left[i] = noSocket{}, true
		}
		if r.debug {
			l.requestIDs.add(s.id, carried.RequestID)
		}
		l.sessions = append(l.sessions, s)
	}
	a.Sessions = slices.Clone(l.sessions)
	if l.room.Exists() {
		l.counted, l.people = true, l.room.People()
		r.metrics.Rooms.Add(1)
		r.metrics.Participants.Add(int64(l.people))
	}
	r.registry.mu.Lock()
	defer r.registry.mu.Unlock()
	r.registry.m[l.id] = l
	return a, nil
}

// Begin lets the room go on.
func (a *Adopted) Begin() {
	l := a.room
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.unsaved {
		l.saveLater()
	}
	l.setAlarm(a.alarmMs)
	left := make([]*Session, 0, len(a.Sessions))
	for i, s := range a.Sessions {
		if a.left[i] {
			left = append(left, s)
		}
	}
	l.stepLocked(room.Event{Kind: room.Woken}, nil)
	for _, s := range left {
		if !l.gone && !s.over {
			l.stepLocked(room.Event{Kind: room.Disconnected, Conn: s.id, CloseCode: protocol.CloseRestart}, nil)
		}
	}
}

// noSocket is that of a session whose connection stayed with the other process.
type noSocket struct{}

func (noSocket) Send([]byte, any)         {}
func (noSocket) Ping()                    {}
func (noSocket) Close(protocol.CloseCode) {}
func (noSocket) Cut()                     {}
func (noSocket) Stands(room.Standing)     {}
