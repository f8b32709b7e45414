package stream

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"usher/server/store"
)

// fate is what happens to one request and its reply.
type fate struct {
	refuse      bool // it cannot be sent
	drop, twice bool
	delay       time.Duration // and so it may come after a later one
	reply       *nats.Msg     // in the place of the stream's; it is not sent
	dropReply   bool
	dropPart    string // the key whose record is missing in the reply
	delayReply  time.Duration
	rewrite     func(reply *nats.Msg)
}

// faulty is a connection on which each write has a fate.
type faulty struct {
	*nats.Conn
	fate func(m *nats.Msg) fate

	mu     sync.Mutex
	fates  map[string]fate // by the reply subject
	handle nats.MsgHandler
	late   sync.WaitGroup
}

func newFaulty(conn *nats.Conn, decide func(*nats.Msg) fate) *faulty {
	return &faulty{Conn: conn, fate: decide, fates: make(map[string]fate)}
}

func (f *faulty) PublishMsg(m *nats.Msg) error {
	at := f.fate(m)
	f.mu.Lock()
	f.fates[m.Reply] = at
	handle := f.handle
	f.mu.Unlock()
	switch {
	case at.refuse:
		return nats.ErrConnectionClosed
	case at.reply != nil:
		at.reply.Subject = m.Reply
		f.late.Go(func() { handle(at.reply) })
	case at.drop:
	case at.delay > 0 || at.twice:
		f.late.Go(func() {
			_ = f.Conn.PublishMsg(m)
			time.Sleep(at.delay)
			if at.twice {
				_ = f.Conn.PublishMsg(m)
			}
		})
		if at.delay > 0 && !at.twice {
			return nil
		}
	default:
		return f.Conn.PublishMsg(m)
	}
	return nil
}

func (f *faulty) Subscribe(subject string, handle nats.MsgHandler) (*nats.Subscription, error) {
	f.handle = handle
	return f.Conn.Subscribe(subject, func(m *nats.Msg) {
		f.mu.Lock()
		at := f.fates[m.Subject]
		f.mu.Unlock()
		switch {
		case at.dropReply, at.dropPart != "" && m.Header.Get("Nats-Subject") == at.dropPart:
		case at.delayReply > 0:
			f.late.Go(func() { time.Sleep(at.delayReply); handle(m) })
		default:
			if at.rewrite != nil {
				at.rewrite(m)
			}
			handle(m)
		}
	})
}

// soon is how long quick waits for the reply to a write. A busy machine takes longer for some,
// which makes requests wait longer.
const soon = 100 * time.Millisecond

// quick makes the times short, so that faults do not make a test long.
func quick() tuning {
	t := defaultTuning
	t.replyAfter, t.putAfter, t.readAfter = soon, soon, 2*soon
	t.readAgain, t.unsentAgain, t.giveUpAfter = time.Millisecond, 5*time.Millisecond, patience
	t.unhealthyAfter, t.probeEvery = 2*time.Second, 20*time.Millisecond
	return t
}

// patient waits for replies for as long as a test may take: only faults make a second try.
func patient() tuning {
	t := quick()
	t.replyAfter, t.putAfter, t.readAfter = patience, patience, patience
	return t
}

func isRoom(m *nats.Msg) bool { return strings.HasPrefix(m.Subject, roomPrefix) }

func isQueued(m *nats.Msg) bool { return strings.HasPrefix(m.Subject, queuePrefix) }

func isRead(m *nats.Msg) bool { return strings.HasPrefix(m.Subject, "$JS.API.DIRECT.GET.") }

// chance gives random fates to the writes of rooms, to reads, and to messages on their way into the
// queue.
func chance(seed uint64) func(*nats.Msg) fate {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	return func(m *nats.Msg) (at fate) {
		mu.Lock()
		defer mu.Unlock()
		if !isRoom(m) && !isRead(m) && !isQueued(m) {
			return at
		}
		short := time.Duration(random.Int64N(int64(2 * soon)))
		switch n := random.IntN(100); {
		case n < 8:
			at.dropReply = true
		case n < 12:
			at.drop = true
		case n < 20:
			at.delay = short
		case n < 24:
			at.delayReply = short
		case n < 28:
			at.reply = &nats.Msg{Header: nats.Header{"Status": {"503"}}}
		case n < 32:
			at.refuse = true
		case n < 36 && !isRead(m):
			at.twice, at.delay = true, short
		}
		return at
	}
}

// ledger is what one owner was told about one room whose snapshots count up.
type ledger struct {
	saved, acked atomic.Int64
	failed       atomic.Bool
}

func (l *ledger) next(s *Stream, id string) {
	n := l.saved.Add(1)
	s.Save(id, store.Record{Snapshot: fmt.Append(nil, n)}, func(err error) {
		if err != nil {
			l.failed.Store(true)
		} else {
			l.acked.Store(n)
		}
	})
}

// However replies are lost, late, out of order or wrong, what was acknowledged is there, and the
// last snapshot is.
func TestFaultsLoseNothing(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	b := single(t)
	f := newFaulty(b.Conn(), chance(seed))
	s := opened(t, f, Config{Term: owner(1, 0)}, quick())
	const rooms, saves = 40, 30
	var all sync.WaitGroup
	ledgers := make([]ledger, rooms)
	for i := range ledgers {
		all.Go(func() {
			id, random := fmt.Sprint("room-", i), rand.New(rand.NewPCG(seed, uint64(i)))
			for range saves {
				ledgers[i].next(s, id)
				time.Sleep(time.Duration(random.IntN(4)) * time.Millisecond)
			}
		})
	}
	all.Wait()
	s.Flush()
	f.late.Wait() // what is late must not undo anything
	after := opened(t, b.Conn(), Config{Term: owner(2, 0)}, defaultTuning)
	for i := range ledgers {
		l := &ledgers[i]
		if l.failed.Load() || l.acked.Load() != saves {
			t.Errorf("room %d: %d of %d are acknowledged", i, l.acked.Load(), saves)
		}
		want(t, after, fmt.Sprint("room-", i), fmt.Sprint(saves))
	}
	t.Logf("%+v", s.Stats())
}

// A room that another owner has loaded has everything that was acknowledged to the first one, and
// from then on the first one gets no more acknowledgements.
func TestTakeOverUnderFaults(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	b := single(t)
	first := opened(t, newFaulty(b.Conn(), chance(seed)), Config{Term: owner(1, 0)}, quick())
	second := opened(t, newFaulty(b.Conn(), chance(seed+1)), Config{Term: owner(2, 0)}, quick())
	const rooms = 40
	var all sync.WaitGroup
	for i := range rooms {
		all.Go(func() {
			id, random := fmt.Sprint("room-", i), rand.New(rand.NewPCG(seed, uint64(i)))
			var l ledger
			l.next(first, id)
			for l.acked.Load() == 0 {
				time.Sleep(time.Millisecond)
			}
			over := make(chan bool)
			go func() {
				defer close(over)
				for end := time.Now().Add(patience); !l.failed.Load(); {
					if time.Now().After(end) {
						t.Errorf("%s: the first owner is not fenced", id)
						return
					}
					l.next(first, id)
					time.Sleep(time.Duration(random.IntN(3)) * time.Millisecond)
				}
			}()
			time.Sleep(time.Duration(i) * 5 * time.Millisecond)
			before := l.acked.Load()
			r, found, err := second.Load(id)
			var loaded int64
			if _, scanErr := fmt.Sscan(string(r.Snapshot), &loaded); err != nil || scanErr != nil || !found || loaded < before {
				t.Errorf("%s: %d was acknowledged and %q is loaded: %v", id, before, r.Snapshot, err)
			}
			<-over
			if acked := l.acked.Load(); acked > loaded {
				t.Errorf("%s: %d was acknowledged to the first owner, but the second loaded %d", id, acked, loaded)
			}
		})
	}
	all.Wait()
	if stats := first.Stats(); stats.Fenced == 0 {
		t.Errorf("nobody was fenced: %+v", stats)
	}
}

// However writes and replies are lost, late or out of order, the queue gets what was acknowledged
// once and in order, from one owner after the other.
func TestFaultsLoseNoMessages(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	b := single(t)
	const rooms, saves, owners = 20, 15, 3
	next := make([]int, rooms)
	for term := uint64(1); term <= owners; term++ {
		f := newFaulty(b.Conn(), chance(seed+term))
		s := opened(t, f, Config{Term: owner(term, 0), MaxMessages: 100_000}, quick())
		var all sync.WaitGroup
		for i := range rooms {
			all.Go(func() {
				id := fmt.Sprint("room-", i)
				if _, _, err := s.Load(id); err != nil {
					t.Error(err)
				}
				random := rand.New(rand.NewPCG(seed, uint64(i)+term))
				for range saves {
					m := messages(fmt.Sprint(id, "-", next[i]))
					if next[i]++; next[i]%7 == 0 {
						s.DeleteWith(id, m, nil)
					} else {
						s.SaveWith(id, store.Record{Snapshot: []byte("x")}, m, nil)
					}
					time.Sleep(time.Duration(random.IntN(4)) * time.Millisecond)
				}
			})
		}
		all.Wait()
		s.Flush()
		s.Close() // some are not moved yet
	}
	s := opened(t, b.Conn(), Config{Term: owner(owners+1, 0), MaxMessages: 100_000}, defaultTuning)
	for i := range rooms {
		id := fmt.Sprint("room-", i)
		var want []string
		for n := range next[i] {
			want = append(want, fmt.Sprint(id, "-", n))
		}
		takeOver(t, s, id)
		wantQueue(t, s, id, want...)
	}
	if s.Dropped() > 0 {
		t.Error(s.Dropped(), "are dropped")
	}
}
