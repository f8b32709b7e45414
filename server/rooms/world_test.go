package rooms

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/metrics"
	"usher/server/store"
)

// manualStore commits queued changes when a test calls commit, or immediately.
type manualStore struct {
	store.Queue
	mu      sync.Mutex
	held    bool
	queue   []change
	durable map[string]store.Record
	// term is what Load reports.
	term uint64
	// behindMs is how far its clock is behind that of the rooms.
	behindMs int64
	// loads is the error of each Load, and onLoad is called before it.
	loads  error
	onLoad func()
	// onFlush is called by Flush.
	onFlush func()
	// sent are the messages that are durable.
	sent []string
}

// change is a Save, or a Delete if record is nil.
type change struct {
	id     string
	record *store.Record
	done   func(error)
	// messages are queued with it.
	messages []store.Message
}

func (s *manualStore) Load(id string) (store.Record, bool, error) {
	s.mu.Lock()
	onLoad := s.onLoad
	s.mu.Unlock()
	if onLoad != nil {
		onLoad()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range slices.Backward(s.queue) {
		switch {
		case c.id != id:
		case c.record == nil:
			return store.Record{}, false, s.loads
		default:
			return *c.record, true, s.loads
		}
	}
	r, ok := s.durable[id]
	r.DroppedMs, r.Term = time.Now().UnixMilli()-s.behindMs, s.term
	return r, ok, s.loads
}

func (s *manualStore) Save(id string, r store.Record, done func(error)) {
	s.SaveWith(id, r, nil, done)
}

func (s *manualStore) SaveWith(id string, r store.Record, messages []store.Message, done func(error)) {
	r.Snapshot = bytes.Clone(r.Snapshot)
	s.add(change{id, &r, done, messages})
}

func (s *manualStore) Delete(id string, done func(error)) { s.add(change{id, nil, done, nil}) }

func (s *manualStore) DeleteWith(id string, messages []store.Message, done func(error)) {
	s.add(change{id, nil, done, messages})
}

func (s *manualStore) add(c change) {
	s.mu.Lock()
	s.queue = append(s.queue, c)
	held := s.held
	s.mu.Unlock()
	if !held {
		s.commit(1, nil)
	}
}

// hold makes commits wait until commit is called.
func (s *manualStore) hold(held bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = held
}

// commit finishes the commits of the first n queued changes.
func (s *manualStore) commit(n int, err error) {
	s.mu.Lock()
	queue := s.queue[:n]
	s.queue = s.queue[n:]
	for _, c := range queue {
		for _, m := range c.messages {
			if err == nil {
				s.sent = append(s.sent, c.id+" "+m.ID)
			}
		}
		switch {
		case err != nil:
		case c.record == nil:
			delete(s.durable, c.id)
		default:
			s.durable[c.id] = *c.record
		}
	}
	s.mu.Unlock()
	for _, c := range queue {
		if c.done != nil {
			c.done(err)
		}
	}
}

func (s *manualStore) All(_ context.Context, fn func(string, store.Record) error) error {
	s.mu.Lock()
	records := make(map[string]store.Record, len(s.durable))
	for id, r := range s.durable {
		records[id] = r
	}
	s.mu.Unlock()
	for id, r := range records {
		if err := fn(id, r); err != nil {
			return err
		}
	}
	return nil
}

func (s *manualStore) Accepts() bool                         { return true }
func (s *manualStore) RemoveExpired(int64) ([]string, error) { return nil, nil }

func (s *manualStore) Flush() {
	if s.onFlush != nil {
		s.onFlush()
	}
}

// world is rooms with a manualStore, in a synctest bubble.
type world struct {
	*Rooms
	t     *testing.T
	store *manualStore
	log   *bytes.Buffer
	// owner is nil unless ownedWorld made the world.
	owner *fakeOwner
	// unturned counts what was sent to sockets since the last Turned.
	unturned atomic.Int64
	// broken is the error that the check of the next Step reports, "" for none.
	broken string
}

var errDisk = errors.New("disk")

// newWorld returns rooms of which each address may create at most 2.
func newWorld(t *testing.T, records map[string]store.Record) *world {
	t.Helper()
	return makeWorld(t, records, nil)
}

// ownedWorld is newWorld of a node that owns the rooms in a tenure.
func ownedWorld(t *testing.T, records map[string]store.Record) (*world, *fakeTenure) {
	t.Helper()
	owner := new(fakeOwner)
	tenure := owner.own()
	return makeWorld(t, records, owner), tenure
}

func makeWorld(t *testing.T, records map[string]store.Record, owner *fakeOwner) *world {
	t.Helper()
	if records == nil {
		records = make(map[string]store.Record)
	}
	w := &world{t: t, store: &manualStore{durable: records}, log: new(bytes.Buffer), owner: owner}
	config := Config{
		Room: room.DefaultConfig(), MaxPerAddress: 2, MaxPendingBytes: 1 << 20, Store: w.store, Clock: realClock{},
		Secret: func() [protocol.TokenBytes]byte { return [protocol.TokenBytes]byte{1} }, Full: func() bool { return false },
		ReadArrived: func([]Socket) {}, Turned: func() { w.unturned.Store(0) },
		Metrics: metrics.New(), Log: slog.New(slog.NewTextHandler(w.log, nil)),
		Check: func(r *room.Room) string {
			broken := w.broken
			w.broken = ""
			return broken
		},
	}
	if owner != nil {
		config.Owner = owner
	}
	r, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	w.Rooms = r
	return w
}

// visitor is a client of one room.
type visitor struct {
	*listener
	world   *world
	session *Session
	id      string
}

func (w *world) open(id string) *visitor {
	w.t.Helper()
	v, refusal := w.tryOpen(id)
	if refusal != "" {
		w.t.Fatal(id, refusal)
	}
	return v
}

func (w *world) tryOpen(id string) (*visitor, protocol.Code) {
	v := &visitor{listener: new(listener), world: w, id: id}
	session, refusal := w.Open(w.t.Context(), id, Opening{Address: 1}, v)
	v.session = session
	return v, refusal
}

func (v *visitor) Send(frame []byte, batch any) {
	v.world.unturned.Add(1)
	v.listener.Send(frame, batch)
}

func (v *visitor) Close(code protocol.CloseCode) {
	v.world.unturned.Add(1)
	v.listener.Close(code)
}

// got fails if a turn has not ended, because sockets of other nodes would not have sent yet.
func (v *visitor) got() (frames int, closed protocol.CloseCode) {
	v.world.t.Helper()
	if n := v.world.unturned.Load(); n != 0 {
		v.world.t.Errorf("%d frames and closes in a turn that has not ended", n)
	}
	return v.listener.got()
}

func (v *visitor) say(kind, members string) {
	var f protocol.Frame
	f.Decode([]byte(`{"type":"` + kind + `","roomId":"` + v.id + `","userId":"ann","protocol":1` + members + `}`))
	v.session.Received(&f, "", nil)
	synctest.Wait()
}

// create opens a connection, and creates the room through it or takes the seat in it.
func (w *world) create(id string) *visitor {
	w.t.Helper()
	v := w.open(id)
	v.say("CREATE_ROOM", `,"userName":"Ann","resumeToken":"AQAAAAAAAAAAAAAAAAAAAA"`)
	return v
}

// breakRoom gives the room up.
func (w *world) breakRoom(v *visitor) {
	w.t.Helper()
	w.broken = "broken by the test"
	v.session.Seen()
	synctest.Wait()
	if _, code := v.got(); code != protocol.CloseInternal {
		w.t.Fatalf("closed with %d", code)
	}
}

// counted fails unless this many rooms are counted for the address that all visitors share.
func (w *world) counted(want int) {
	w.t.Helper()
	shard := &w.limit.shards[1%limiterShards]
	shard.Lock()
	defer shard.Unlock()
	if n := shard.counts[1]; n != want {
		w.t.Errorf("%d rooms of the address are counted, want %d", n, want)
	}
	if strings.Contains(w.log.String(), "than were counted") {
		w.t.Error("too many were released")
	}
}

func (w *world) afterGrace() {
	time.Sleep(2 * time.Duration(w.config.Room.SeatGraceMs) * time.Millisecond)
	synctest.Wait()
}
