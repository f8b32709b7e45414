package cluster

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/cluster/broker"
	"usher/server/cluster/lease"
	"usher/server/cluster/stream"
	"usher/server/edge"
	"usher/server/metrics"
	"usher/server/rooms"
	"usher/server/servertest"
)

// single is a node without peers.
type single struct {
	*Node
	t      *testing.T
	config Config
	rooms  *rooms.Rooms
	cancel context.CancelFunc
	ended  chan struct{}
}

// testClock is the system's.
type testClock struct{}

func (testClock) Now() rooms.Moment { return rooms.Moment{Ms: time.Now().UnixMilli()} }
func (testClock) AfterFunc(after time.Duration, do func()) rooms.Timer {
	return time.AfterFunc(after, do)
}

// reached are its rooms for nobody: the tests have no edge.
type reached struct{}

func (reached) Operate(context.Context, string, room.Act) protocol.Code { return "" }

func (reached) View(context.Context, string) (room.View, protocol.Code) { return room.View{}, "" }

func (reached) Open(context.Context, string, edge.Opening, edge.Socket) (edge.Session, protocol.Code) {
	return nil, protocol.CodeRoomUnavailable
}

func (reached) Seated(context.Context, string, string, string) (int64, protocol.Code) {
	return 0, protocol.CodeRoomUnavailable
}

func (reached) Create(context.Context, string, room.Arrangement) (room.Creation, protocol.Code) {
	return room.Creation{}, protocol.CodeRoomUnavailable
}

func (reached) Describe(context.Context, string) (protocol.RoomSummary, protocol.Code) {
	return protocol.RoomSummary{}, protocol.CodeRoomUnavailable
}

// launch starts a node that owns all shards.
func launch(t *testing.T, config Config) *single {
	t.Helper()
	return launchWith(t, config, room.DefaultConfig())
}

func launchWith(t *testing.T, config Config, roomConfig room.Config) *single {
	t.Helper()
	config = peerless(t, config)
	config.SeatGrace = time.Duration(roomConfig.SeatGraceMs) * time.Millisecond
	n, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	s := &single{Node: n, t: t, config: config}
	t.Cleanup(s.stop)
	s.rooms, err = rooms.New(rooms.Config{
		Room: roomConfig, MaxPendingBytes: 1 << 20, Store: n.Store(), Clock: testClock{}, Owner: n,
		Secret: func() (secret [protocol.TokenBytes]byte) { _, _ = rand.Read(secret[:]); return secret },
		Full:   func() bool { return false }, ReadArrived: func([]rooms.Socket) {}, Turned: n.Turned,
		Metrics: metrics.New(), Log: config.Log,
	})
	if err != nil {
		t.Fatal(err)
	}
	n.Attach(Local{Rooms: s.rooms, Reached: reached{}, ReadArrived: func([]edge.Socket) {}})
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.ended = cancel, make(chan struct{})
	go func() { n.Run(ctx); close(s.ended) }()
	s.ownsAll()
	return s
}

// peerless is a configuration of a node without peers.
func peerless(t *testing.T, config Config) Config {
	t.Helper()
	if config.Embedded == nil && config.External == nil {
		config.Embedded = &broker.Config{
			NodeID: "a", Peers: []string{"single"}, Secret: []byte("a secret of the tests, and long enough"), Dir: t.TempDir(),
		}
	}
	if config.Log == nil {
		config.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	config.Listen = "127.0.0.1:8787"
	return config.WithLog(config.Log)
}

// stop ends the node as a crash does. It may be called again.
func (s *single) stop() {
	if s.cancel != nil {
		s.cancel()
		<-s.ended
	}
	s.Close()
}

// ownsAll waits until the node owns every shard.
func (s *single) ownsAll() {
	s.t.Helper()
	servertest.Eventually(s.t, "the node owns all shards", func() bool { return s.shards() == lease.Shards && s.Ready() == nil })
}

// api asks JetStream.
func (s *single) api(subject string) {
	s.t.Helper()
	m, err := s.broker.Conn().Request("$JS.API."+subject, nil, servertest.Patience)
	if err != nil || hasError(m.Data) {
		s.t.Fatalf("%s: %+v, %v", subject, m, err)
	}
}

func hasError(text []byte) bool {
	var reply struct {
		Error json.RawMessage `json:"error"`
	}
	return json.Unmarshal(text, &reply) == nil && reply.Error != nil
}

// put writes a key, however slow the stream is.
func (s *single) put(key string, expected uint64, value []byte) {
	s.t.Helper()
	for range 100 {
		switch r := s.stream.PutWait(s.t.Context(), key, expected, value); r.Outcome {
		case stream.Stored, stream.Conflict: // with an earlier try
			return
		case stream.Refused:
			s.t.Fatal(r)
		}
	}
	s.t.Fatal("nothing is stored")
}

// A stream that is restored from an old backup under a running node is used as it is.
func TestANodeGoesOnWithAnOlderStream(t *testing.T) {
	s := launch(t, Config{})
	for range 20 { // so that it is clearly older
		s.put("u.probe", ^uint64(0), nil)
	}
	s.api("STREAM.DELETE." + stream.Name)
	other, err := stream.Open(t.Context(), stream.Config{Conn: s.broker.Conn(), Replicas: 1, Term: s.term, Log: s.log})
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
	servertest.Eventually(t, "the incarnation that knew the old one ends", func() bool { return s.counts.evicted.Load() > 0 })
	s.ownsAll()
}

// Each node that has ever been leaves a record, which ends some time after it: a reading of all
// takes no more than 1 024.
func TestRecordsOfDeadNodesEnd(t *testing.T) {
	s := launch(t, Config{retire: 4 * time.Second})
	for i := range 300 {
		id := fmt.Sprint("dead-", i)
		record := lease.Record{Nonce: 1, Counter: 1, Evicted: true}
		s.put(stream.NodeKey(id), 0, record.Append(nil, id))
	}
	known := func() (nodes int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lease.Each(func(string, lease.Record) { nodes++ })
		return nodes
	}
	// all of them, or those that were written last
	servertest.Eventually(t, "they are seen", func() bool { return known() > 1 })
	servertest.Eventually(t, "they end", func() bool {
		reading, err := s.stream.Nodes(t.Context())
		return err == nil && len(reading.Entries) == 3 && known() == 1 // and u.meta, u.table
	})
	s.ownsAll()
}

// socket is a client of a room.
type socket struct{}

func (socket) Send([]byte, any)         {}
func (socket) Ping()                    {}
func (socket) Close(protocol.CloseCode) {}
func (socket) Cut()                     {}
func (socket) Stands(room.Standing)     {}

// Shards without people are handed over first, so lease must learn which have some.
func TestLeaseLearnsWhichShardsHavePeople(t *testing.T) {
	s := launch(t, Config{})
	told := func() (shards []int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for i := range s.tenures {
			if t := s.tenures[i].Load(); t != nil && s.lease.Occupied(i) {
				shards = append(shards, i)
			}
		}
		return shards
	}
	session, refusal := s.rooms.Open(t.Context(), "room-1", rooms.Opening{}, socket{})
	if refusal != "" {
		t.Fatal(refusal)
	}
	shard := lease.ShardOf("room-1")
	servertest.Eventually(t, "the shard is occupied", func() bool { return slices.Equal(told(), []int{shard}) })
	session.Disconnected(protocol.CloseNormal)
	servertest.Eventually(t, "the shard is vacant", func() bool { return len(told()) == 0 })
}
