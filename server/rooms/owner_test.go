package rooms

import (
	"context"
	"log/slog"
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

// fakeOwner owns all rooms in its current tenure, if it has one.
type fakeOwner struct{ current atomic.Pointer[fakeTenure] }

func (o *fakeOwner) Tenure(string) Tenure {
	if t := o.current.Load(); t != nil {
		return t
	}
	return nil
}

// own begins a valid tenure.
func (o *fakeOwner) own() *fakeTenure {
	t := new(fakeTenure)
	t.valid.Store(true)
	t.since = realClock{}.Now()
	o.current.Store(t)
	return t
}

type fakeTenure struct {
	valid atomic.Bool
	since Moment
}

func (t *fakeTenure) Valid() bool   { return t.valid.Load() }
func (t *fakeTenure) Since() Moment { return t.since }

// instantStore commits at once.
type instantStore struct {
	store.Store
	mu      sync.Mutex
	records map[string]store.Record
}

func (s *instantStore) Load(id string) (store.Record, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.records[id]
	return r, ok, nil
}

func (s *instantStore) Save(id string, r store.Record, done func(error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Snapshot = append([]byte(nil), r.Snapshot...)
	s.records[id] = r
	go done(nil)
}

func (s *instantStore) Accepts() bool                         { return true }
func (s *instantStore) RemoveExpired(int64) ([]string, error) { return nil, nil }

// realClock is the system's, or synctest's.
type realClock struct{}

func (realClock) Now() Moment                                    { return Moment{Ms: time.Now().UnixMilli()} }
func (realClock) AfterFunc(after time.Duration, do func()) Timer { return time.AfterFunc(after, do) }

// listener is a socket that records what was sent to it.
type listener struct {
	mu     sync.Mutex
	frames int
	closed protocol.CloseCode
}

func (l *listener) Send([]byte, any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frames++
}
func (l *listener) Ping() {}
func (l *listener) Close(code protocol.CloseCode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = code
}
func (l *listener) Cut()                 {}
func (l *listener) Stands(room.Standing) {}

func (l *listener) got() (frames int, closed protocol.CloseCode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.frames, l.closed
}

// If a room has effects while another node may own it, they are seen once this node owns it again,
// and never if it is lost.
func TestOwnedBeforeVisible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner := new(fakeOwner)
		tenure := owner.own()
		kept := &instantStore{records: make(map[string]store.Record)}
		r, err := New(Config{
			Room: room.DefaultConfig(), MaxPendingBytes: 1 << 20, Store: kept, Clock: realClock{}, Owner: owner,
			Secret: func() [protocol.TokenBytes]byte { return [protocol.TokenBytes]byte{1} }, Full: func() bool { return false },
			ReadArrived: func([]Socket) {}, Check: (*room.Room).Check, Metrics: metrics.New(), Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		ann := new(listener)
		session, refusal := r.Open(t.Context(), "owned-1", Opening{Address: 1}, ann)
		if refusal != "" {
			t.Fatal(refusal)
		}
		say := func(frame string) {
			var f protocol.Frame
			f.Decode([]byte(frame))
			session.Received(&f, "", nil)
			synctest.Wait()
		}
		say(`{"type":"CREATE_ROOM","roomId":"owned-1","userId":"ann","userName":"Ann","protocol":1}`)
		if frames, _ := ann.got(); frames != 1 {
			t.Fatalf("%d frames while the room is owned", frames)
		}
		tenure.valid.Store(false)
		say(`{"type":"PING"}`)
		say(`{"type":"RENAME_ROOM","roomId":"owned-1","userId":"ann","newRoomName":"New"}`)
		if frames, _ := ann.got(); frames != 1 {
			t.Errorf("%d frames are seen while another may own the room", frames-1)
		}
		tenure.valid.Store(true)
		r.Resume()
		synctest.Wait()
		if frames, _ := ann.got(); frames != 3 {
			t.Errorf("%d of 2 frames are seen afterwards", frames-1)
		}
		tenure.valid.Store(false)
		say(`{"type":"PING"}`)
		r.Lose(tenure)
		synctest.Wait()
		if frames, closed := ann.got(); frames != 3 || closed != protocol.CloseRestart {
			t.Errorf("%d frames, closed with %d after the loss", frames, closed)
		}
		if len(r.InMemory()) != 0 {
			t.Error("a lost room is in memory")
		}
	})
}

func (s *instantStore) All(context.Context, func(string, store.Record) error) error { return nil }
