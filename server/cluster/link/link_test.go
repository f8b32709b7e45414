package link_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/cluster/link"
	"usher/server/cluster/link/linktest"
	"usher/server/edge"
)

// inCluster runs a test with a fake clock and so many nodes. judge may be nil.
func inCluster(t *testing.T, nodes int, judge func(from, to link.Incarnation, message []byte) linktest.Fate, do func(*testing.T, *cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(nodes, judge)
		defer c.close()
		do(t, c)
	})
}

func TestSessionsReachTheirOwnerAndSocketsTheirEdge(t *testing.T) {
	inCluster(t, 2, nil, func(t *testing.T, c *cluster) {
		owner, near := c.nodes[0], c.nodes[1]
		ann, bob, cleo := near.open(t), near.open(t), owner.open(t)
		if ann.session.RoomID() != "hall-1" {
			t.Error(ann.session.RoomID())
		}
		ann.say("one")
		ann.session.Received(&protocol.Frame{Bytes: []byte("two ")}, protocol.CodeRateLimited, nil)
		ann.session.Received(&protocol.Frame{Err: &protocol.DecodeError{Code: protocol.CodeInvalidUTF8}}, "", nil)
		ann.session.ReceivedBinary()
		ann.session.Seen()
		ann.session.Exceeded()
		synctest.Wait()
		if want := []string{"one", "two RATE_LIMITED", "", "binary", "seen", "exceeded"}; !slices.Equal(owner.hall.heard, want) {
			t.Errorf("the owner heard %q", owner.hall.heard)
		}
		for _, c := range []*client{ann, bob, cleo} {
			if want := []string{"one", "two ", ""}; !slices.Equal(c.heard, want) {
				t.Errorf("a client heard %q", c.heard)
			}
		}
		remote := owner.hall.guests[0].socket
		remote.Ping()
		remote.Stands(room.Seated)
		remote.Cut()
		owner.Turned()
		bob.session.Close(protocol.CloseBinary)
		synctest.Wait()
		if ann.pings != 1 || ann.standing != room.Seated || !ann.cut || bob.closed != protocol.CloseBinary {
			t.Errorf("%+v, %+v", ann, bob)
		}
		ann.session.Disconnected(1001)
		ann.session.Disconnected(1006)
		bob.session.Disconnected(1005)
		synctest.Wait()
		if !slices.Equal(owner.hall.ended, []protocol.CloseCode{1001, 1005}) {
			t.Errorf("ended with %v", owner.hall.ended)
		}
		if a, b := owner.Stats(), near.Stats(); a.Sockets+b.Sessions != 0 || a.Breaks+b.Breaks != 0 {
			t.Errorf("%+v %+v", a, b)
		}
	})
}

func TestRoomsAreDescribedOverALink(t *testing.T) {
	inCluster(t, 2, nil, func(t *testing.T, c *cluster) {
		owner, near := c.nodes[0], c.nodes[1]
		near.open(t)
		summary, refusal := near.Describe(t.Context(), "hall-1")
		if want := (protocol.RoomSummary{ID: "hall-1", Name: "Hall", People: 1}); refusal != "" || summary != want {
			t.Errorf("%+v %q", summary, refusal)
		}
		owner.hall.refuse = protocol.CodeRoomNotFound
		if _, refusal = near.Describe(t.Context(), "hall-1"); refusal != protocol.CodeRoomNotFound {
			t.Error(refusal)
		}
		if _, refusal = near.Describe(t.Context(), "no"); refusal != protocol.CodeRoomUnavailable {
			t.Error(refusal)
		}
	})
}

func TestSeatsAreAskedForOverALink(t *testing.T) {
	inCluster(t, 2, nil, func(t *testing.T, c *cluster) {
		owner, near := c.nodes[0], c.nodes[1]
		ask := func(roomID, token string) (int64, protocol.Code) {
			return near.Seated(t.Context(), roomID, "ann", token)
		}
		if at, refusal := ask("hall-1", "ann of hall-1"); at != 1234 || refusal != "" {
			t.Error(at, refusal)
		}
		if _, refusal := ask("hall-1", "bob of hall-1"); refusal != protocol.CodeInvalidResumeToken {
			t.Error(refusal)
		}
		if _, refusal := ask("hall-1", strings.Repeat("x", link.MaxTokenBytes+1)); refusal != protocol.CodeInvalidResumeToken {
			t.Error(refusal)
		}
		owner.hall.refuse = protocol.CodeStorageUnavailable
		if _, refusal := ask("hall-1", "ann of hall-1"); refusal != protocol.CodeStorageUnavailable {
			t.Error(refusal)
		}
		if _, refusal := ask("no", "ann of no"); refusal != protocol.CodeRoomUnavailable {
			t.Error(refusal)
		}
	})
}

func TestOpenIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(*cluster)
		want    protocol.Code
	}{
		"by the room":        {func(c *cluster) { c.nodes[0].hall.refuse = protocol.CodeStorageUnavailable }, protocol.CodeStorageUnavailable},
		"by a newer room":    {func(c *cluster) { c.nodes[0].hall.refuse = "NEWER_CODE" }, protocol.CodeRoomUnavailable},
		"without an owner":   {func(c *cluster) { c.owner = link.Incarnation{} }, protocol.CodeRoomUnavailable},
		"by nobody":          {func(c *cluster) { c.owner.ID = "dead" }, protocol.CodeRoomUnavailable},
		"by an earlier life": {func(c *cluster) { c.nodes[1].Joined(c.owner, link.Spoken); c.owner.Nonce = 2 }, protocol.CodeRoomUnavailable},
		"in an earlier term": {func(c *cluster) { c.nodes[1].Moved([]link.Move{{Shard: 3, Term: 2}}) }, protocol.CodeRoomUnavailable},
		"as moved":           {func(c *cluster) { c.nodes[0].thinks = &link.Place{Shard: 3, Term: 2} }, protocol.CodeRoomUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 2, nil, func(t *testing.T, c *cluster) {
				test.prepare(c)
				near := c.nodes[1]
				if session, refusal := near.Open(t.Context(), "hall-1", edge.Opening{}, new(client)); session != nil || refusal != test.want {
					t.Errorf("%v %q", session, refusal)
				}
				_, refusal := near.Describe(t.Context(), "hall-1")
				if refusal != test.want {
					t.Errorf("described: %q", refusal)
				}
				synctest.Wait()
				if s := near.Stats(); s.Sessions != 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// A room that takes longer to open than the client, or OpenTimeout, is left.
func TestOpenIsGivenUp(t *testing.T) {
	inCluster(t, 2, nil, func(t *testing.T, c *cluster) {
		owner, near := c.nodes[0], c.nodes[1]
		owner.hall.wait = make(chan struct{})
		began := time.Now()
		if _, refusal := near.Open(t.Context(), "hall-1", edge.Opening{}, new(client)); refusal != protocol.CodeRoomUnavailable || time.Since(began) != link.OpenTimeout {
			t.Error(refusal, time.Since(began))
		}
		close(owner.hall.wait)
		synctest.Wait()
		if !slices.Equal(owner.hall.ended, []protocol.CloseCode{1006}) || owner.Stats().Sockets != 0 {
			t.Errorf("%v %+v", owner.hall.ended, owner.Stats())
		}
	})
}

// wantBroken fails unless everybody on the only link has been told of its end, once.
func wantBroken(t *testing.T, c *cluster, clients ...*client) {
	t.Helper()
	synctest.Wait()
	for i, client := range clients {
		if client.closed != protocol.CloseRestart {
			t.Errorf("client %d is closed with %d", i, client.closed)
		}
		client.session.Seen()
		client.session.Disconnected(1000)
	}
	synctest.Wait()
	for i, n := range c.nodes {
		if s := n.Stats(); s.Sessions+s.Sockets != 0 {
			t.Errorf("node %d: %+v", i, s)
		}
	}
	want := slices.Repeat([]protocol.CloseCode{1006}, len(clients))
	if ended := c.nodes[0].hall.ended; !slices.Equal(ended, want) {
		t.Errorf("the owner heard of ends with %v", ended)
	}
}

// A link breaks 2 to 2.5 s after the last message that came.
func TestSilenceBreaksTheLink(t *testing.T) {
	for name, test := range map[string]struct {
		// from is whose messages are lost, both if the other's are too.
		from string
		both bool
	}{
		"both ways":    {"node-0", true},
		"to the owner": {"node-1", false},
		"to the edge":  {"node-0", false},
	} {
		t.Run(name, func(t *testing.T) {
			var cut atomic.Bool
			var last atomic.Int64
			judge := func(from, _ link.Incarnation, _ []byte) linktest.Fate {
				if from.ID == test.from && !cut.Load() {
					last.Store(time.Now().UnixNano())
				}
				return linktest.Fate{Drop: cut.Load() && (test.both || from.ID == test.from)}
			}
			inCluster(t, 2, judge, func(t *testing.T, c *cluster) {
				ann, bob := c.nodes[1].open(t), c.nodes[1].open(t)
				time.Sleep(time.Minute)
				synctest.Wait()
				cut.Store(true)
				for range 300 {
					if time.Sleep(10 * time.Millisecond); ann.closedWith() != 0 {
						break
					}
				}
				if silent := time.Now().UnixNano() - last.Load(); silent < 2e9 || silent > 2.51e9 {
					t.Errorf("closed after %d ms of silence", silent/1e6)
				}
				time.Sleep(interval)
				synctest.Wait()
				wantBroken(t, c, ann, bob)
				cut.Store(false)
				time.Sleep(6 * interval)
				synctest.Wait()
				c.nodes[1].open(t).say("again")
				synctest.Wait()
				if heard := c.nodes[0].hall.heard; heard[len(heard)-1] != "again" {
					t.Errorf("%q", heard)
				}
			})
		})
	}
}

func TestFaultsOfTheTransport(t *testing.T) {
	for name, test := range map[string]struct {
		fate   linktest.Fate
		breaks bool
	}{
		"a lost message":         {linktest.Fate{Drop: true}, true},
		"a message out of order": {linktest.Fate{Late: true}, true},
		"a message twice":        {linktest.Fate{Twice: true}, false},
		"a late message":         {linktest.Fate{Delay: time.Second}, false},
	} {
		for _, of := range []string{"node-0", "node-1"} {
			t.Run(name+" of "+of, func(t *testing.T) {
				var armed atomic.Bool
				judge := func(from, _ link.Incarnation, _ []byte) linktest.Fate {
					if from.ID == of && armed.CompareAndSwap(true, false) {
						return test.fate
					}
					return linktest.Fate{}
				}
				inCluster(t, 2, judge, func(t *testing.T, c *cluster) {
					ann, bob := c.nodes[1].open(t), c.nodes[1].open(t)
					armed.Store(true)
					ann.say("1")
					time.Sleep(2 * interval)
					synctest.Wait()
					ann.say("2")
					time.Sleep(2 * interval)
					synctest.Wait()
					if test.breaks {
						wantBroken(t, c, ann, bob)
						return
					}
					synctest.Wait()
					if want := []string{"1", "2"}; !slices.Equal(c.nodes[0].hall.heard, want) || !slices.Equal(bob.heard, want) || bob.closed != 0 {
						t.Errorf("%q, %q, %d", c.nodes[0].hall.heard, bob.heard, bob.closed)
					}
				})
			})
		}
	}
}

func TestAnotherIncarnationBreaksTheLink(t *testing.T) {
	for name, meet := range map[string]func(*cluster){
		"joined":      func(c *cluster) { c.nodes[0].Joined(link.Incarnation{ID: "node-1", Nonce: 2}, link.Spoken) },
		"gone":        func(c *cluster) { c.nodes[0].Gone(c.nodes[1].self) },
		"edge stops":  func(c *cluster) { c.nodes[1].Stop() },
		"owner stops": func(c *cluster) { c.nodes[0].Stop() },
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 2, nil, func(t *testing.T, c *cluster) {
				ann := c.nodes[1].open(t)
				meet(c)
				time.Sleep(6 * interval)
				synctest.Wait()
				wantBroken(t, c, ann)
			})
		})
	}
}

// A node that is not known to have joined is whoever sends messages.
func TestMessageOfAnotherIncarnationBreaksTheLink(t *testing.T) {
	inCluster(t, 2, nil, func(t *testing.T, c *cluster) {
		ann := c.nodes[1].open(t)
		c.nodes[1].stop()
		bob := c.start(link.Incarnation{ID: "node-1", Nonce: 2}).open(t)
		time.Sleep(6 * interval)
		synctest.Wait()
		if s := c.nodes[0].Stats(); s.Sockets != 1 || bob.closed != 0 || !slices.Equal(c.nodes[0].hall.ended, []protocol.CloseCode{1006}) {
			t.Errorf("%+v, bob is closed with %d, %v", s, bob.closed, c.nodes[0].hall.ended)
		}
		bob.say("here")
		synctest.Wait()
		if !slices.Equal(bob.heard, []string{"here"}) || len(ann.heard) != 0 {
			t.Errorf("%q %q", bob.heard, ann.heard)
		}
	})
}

// The word of an incarnation that has joined counts against that of another with its id.
func TestMessageOfAnEarlierIncarnationIsDropped(t *testing.T) {
	inCluster(t, 2, nil, func(t *testing.T, c *cluster) {
		ann := c.nodes[1].open(t)
		c.nodes[0].Joined(c.nodes[1].self, link.Spoken)
		zombie := c.start(link.Incarnation{ID: "node-1", Nonce: 2})
		if _, refusal := zombie.Open(t.Context(), "hall-1", edge.Opening{}, new(client)); refusal != protocol.CodeRoomUnavailable {
			t.Error(refusal)
		}
		ann.say("still here")
		synctest.Wait()
		if !slices.Equal(ann.heard, []string{"still here"}) || ann.closed != 0 {
			t.Errorf("%q, closed with %d", ann.heard, ann.closed)
		}
	})
}
