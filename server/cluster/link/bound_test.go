package link_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/cluster/link"
	"usher/server/cluster/link/linktest"
	"usher/server/edge"
	"usher/server/metrics"
	"usher/server/rooms"
	"usher/server/servertest"
	"usher/server/store"
)

// slowly delays every message of a node by a second.
func slowly(id string) func(from, to link.Incarnation, message []byte) linktest.Fate {
	return func(from, _ link.Incarnation, message []byte) linktest.Fate {
		if from.ID == id && len(message) > 1000 {
			return linktest.Fate{Delay: 30 * time.Millisecond}
		}
		return linktest.Fate{}
	}
}

// While the owner is slow, whoever sends the most is closed, and the others go on.
func TestSlowOwnerCostsTheOneWhoSendsTheMost(t *testing.T) {
	inCluster(t, 2, slowly("node-1"), func(t *testing.T, c *cluster) {
		ann, bob := c.nodes[1].open(t), c.nodes[1].open(t)
		c.nodes[0].hall.quiet = true
		sent := 0
		for ann.closed == 0 && sent < link.MaxUnacknowledged {
			ann.say(strings.Repeat("x", 64<<10))
			sent += 64 << 10
		}
		if ann.closed != protocol.CloseTryLater || sent < link.MaxUnacknowledged/8 {
			t.Errorf("closed with %d after %d bytes", ann.closed, sent)
		}
		ann.say("more")
		bob.say("and me")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		heard := c.nodes[0].hall.heard
		if bob.closed != 0 || c.nodes[0].Stats().Breaks != 0 || heard[len(heard)-1] != "and me" || len(c.nodes[0].hall.inside()) != 1 {
			t.Errorf("bob is closed with %d; the owner last heard %q", bob.closed, heard[len(heard)-1])
		}
	})
}

// While an edge is slow, whoever is sent the most is cut off, and the others go on.
func TestSlowEdgeCostsTheOneWhoIsSentTheMost(t *testing.T) {
	inCluster(t, 2, slowly("node-0"), func(t *testing.T, c *cluster) {
		ann, bob := c.nodes[1].open(t), c.nodes[1].open(t)
		h := c.nodes[0].hall
		for i := range 100 {
			h.mu.Lock()
			h.guests[0].socket.Send([]byte(strings.Repeat("x", 64<<10)), nil)
			if i == 99 {
				h.guests[1].socket.Send([]byte("and you"), nil)
			}
			h.links.Turned()
			h.mu.Unlock()
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if !ann.cut || len(ann.heard) >= 100 || len(ann.heard) < 8 || bob.cut || bob.closed != 0 || len(bob.heard) != 1 {
			t.Errorf("ann heard %d frames, cut off: %v; bob %d, %v", len(ann.heard), ann.cut, len(bob.heard), bob.cut)
		}
	})
}

// However much is sent over time, a link that is kept up with has room.
func TestSteadyStreamIsNotTooMuch(t *testing.T) {
	inCluster(t, 2, nil, func(t *testing.T, c *cluster) {
		ann := c.nodes[1].open(t)
		for range 400 {
			ann.say(strings.Repeat("x", 64<<10))
			synctest.Wait()
		}
		if ann.closed != 0 || len(ann.heard) != 400 {
			t.Errorf("closed with %d after %d frames", ann.closed, len(ann.heard))
		}
	})
}

// memoryStore stores nothing.
type memoryStore struct{ store.Store }

func (memoryStore) Load(string) (store.Record, bool, error)                     { return store.Record{}, false, nil }
func (memoryStore) Save(_ string, _ store.Record, done func(error))             { go done(nil) }
func (memoryStore) Delete(_ string, done func(error))                           { go done(nil) }
func (memoryStore) Accepts() bool                                               { return true }
func (memoryStore) RemoveExpired(int64) ([]string, error)                       { return nil, nil }
func (memoryStore) All(context.Context, func(string, store.Record) error) error { return nil }
func (memoryStore) Flush()                                                      {}

// wallClock is the real time.
type wallClock struct{}

func (wallClock) Now() rooms.Moment { return rooms.Moment{Ms: time.Now().UnixMilli()} }
func (wallClock) AfterFunc(after time.Duration, do func()) rooms.Timer {
	return time.AfterFunc(after, do)
}

// realRooms are rooms with the core in them, for edge.Rooms.
type realRooms struct{ *rooms.Rooms }

func (r realRooms) Open(ctx context.Context, roomID string, o edge.Opening, s edge.Socket) (edge.Session, protocol.Code) {
	session, refusal := r.Rooms.Open(ctx, roomID, rooms.Opening(o), s)
	if refusal != "" {
		return nil, refusal
	}
	return session, ""
}

func newRooms(t testing.TB, turned func()) realRooms {
	r, err := rooms.New(rooms.Config{
		Room: room.DefaultConfig(), MaxPendingBytes: 1 << 20, Store: memoryStore{}, Clock: wallClock{},
		Secret: func() [protocol.TokenBytes]byte { return [protocol.TokenBytes]byte{1} }, Full: func() bool { return false },
		ReadArrived: func([]rooms.Socket) {}, Turned: turned, Metrics: metrics.New(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return realRooms{r}
}

// deaf is a socket that remembers nothing.
type deaf struct{}

func (deaf) Send([]byte, any)         {}
func (deaf) Ping()                    {}
func (deaf) Close(protocol.CloseCode) {}
func (deaf) Cut()                     {}
func (deaf) Stands(room.Standing)     {}

// A remote person costs the owner no goroutine and at most 1 KiB, with the room's part and the
// edge's in this process too.
func TestRemotePersonCostsTheOwnerLittle(t *testing.T) {
	const people, room = 20_000, 50
	network := linktest.NewNetwork(nil)
	defer network.Close()
	var owner *link.Links
	local := newRooms(t, func() { owner.Turned() })
	owner = newNode(t, network, "owner", local)
	near := newNode(t, network, "near", nil)
	sessions := make([]edge.Session, people)
	before := inUse()
	for i := range sessions {
		session, refusal := near.Open(t.Context(), roomOf(i/room), edge.Opening{Address: 7, Uncounted: true}, deaf{})
		if refusal != "" {
			t.Fatal(refusal)
		}
		sessions[i] = session
	}
	connected := inUse()
	for i, s := range sessions {
		join := fmt.Sprintf(`{"type":"JOIN_ROOM","roomId":%q,"userId":"user-%d","userName":"User","protocol":1}`, roomOf(i/room), i)
		if i%room == 0 {
			join = strings.Replace(join, "JOIN", "CREATE", 1)
		}
		s.Received(&protocol.Frame{Bytes: []byte(join)}, "", nil)
		if i%room == 0 {
			servertest.Eventually(t, "the room exists", func() bool { _, refusal := near.Describe(t.Context(), roomOf(i/room)); return refusal == "" })
		}
	}
	servertest.Eventually(t, "all have joined", func() bool {
		seats := 0
		for _, v := range local.InMemory() {
			seats += v.People
		}
		return seats == people && network.Idle()
	})
	joined, goroutines := inUse(), runtime.NumGoroutine()
	if stats := owner.Stats(); stats.Sockets != people {
		t.Errorf("%+v", stats)
	}
	t.Logf("%d bytes a person who is connected, %d who has a seat; %d goroutines", (connected-before)/people, (joined-before)/people, goroutines)
	if goroutines > 100 {
		t.Errorf("%d goroutines", goroutines)
	}
	if (connected-before)/people > 1024 {
		t.Errorf("%d bytes", (connected-before)/people)
	}
	runtime.KeepAlive(sessions)
}

func roomOf(i int) string { return fmt.Sprint("room-", 100_000+i) }

func inUse() int {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}

// newNode starts a node of a cluster in which "owner" owns all rooms.
func newNode(t testing.TB, network *linktest.Network, id string, local edge.Rooms) *link.Links {
	self := link.Incarnation{ID: id, Nonce: 1}
	return startNode(t, network.Transport(self), self, local)
}

func startNode(t testing.TB, transport link.Transport, self link.Incarnation, local edge.Rooms) *link.Links {
	l := link.New(link.Config{
		Transport: transport, Local: local, Shards: 1, Log: slog.New(slog.DiscardHandler), ReadArrived: func([]edge.Socket) {},
		Place: func(string) link.Place {
			return link.Place{Term: 1, Owner: link.Incarnation{ID: "owner", Nonce: 1}, Here: self.ID == "owner"}
		},
	})
	if err := l.Start(self); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	go l.Run(ctx)
	return l
}
