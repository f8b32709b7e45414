package link_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"usher/protocol"
	"usher/server/cluster/link"
	"usher/server/cluster/link/linktest"
	"usher/server/edge"
	"usher/server/rooms"
)

func TestFramesOfALowerTermAreDropped(t *testing.T) {
	inCluster(t, 2, nil, func(t *testing.T, c *cluster) {
		owner, near := c.nodes[0], c.nodes[1]
		ann := near.open(t)
		owner.hall.sayAll("before")
		synctest.Wait()
		near.Moved([]link.Move{{Shard: 3, Term: 2}})
		owner.hall.sayAll("after")
		synctest.Wait()
		if !slices.Equal(ann.heard, []string{"before"}) || ann.closed != protocol.CloseRestart {
			t.Errorf("%q, closed with %d", ann.heard, ann.closed)
		}
		if !slices.Equal(owner.hall.ended, []protocol.CloseCode{1006}) || near.Stats().Dropped == 0 {
			t.Errorf("%v %+v", owner.hall.ended, near.Stats())
		}
	})
}

// The edge learns a term also from whoever has it.
func TestFrameAfterAHigherTermIsDropped(t *testing.T) {
	inCluster(t, 3, nil, func(t *testing.T, c *cluster) {
		first, near, second := c.nodes[0], c.nodes[1], c.nodes[2]
		ann := near.open(t)
		c.owner, c.term = second.self, 2
		bob := near.open(t)
		second.hall.sayAll("of term 2")
		synctest.Wait()
		first.hall.sayAll("of term 1")
		first.hall.guests[0].socket.Ping()
		first.Turned()
		synctest.Wait()
		if ann.closed != protocol.CloseRestart || len(first.hall.inside()) != 0 {
			t.Errorf("closed with %d", ann.closed)
		}
		if len(ann.heard) != 0 || ann.pings != 0 || !slices.Equal(bob.heard, []string{"of term 2"}) {
			t.Errorf("%q %d %q", ann.heard, ann.pings, bob.heard)
		}
	})
}

// Whoever waits for an owner whose term passes waits for the next one, and that owner has nothing
// of them.
func TestOpenEndsWithTheTerm(t *testing.T) {
	inCluster(t, 2, nil, func(t *testing.T, c *cluster) {
		owner, near := c.nodes[0], c.nodes[1]
		owner.hall.wait = make(chan struct{})
		ann, refused := new(client), make(chan protocol.Code, 1)
		go func() {
			_, refusal := near.Open(t.Context(), "hall-1", edge.Opening{}, ann)
			refused <- refusal
		}()
		synctest.Wait()
		near.Moved([]link.Move{{Shard: 3, Term: 2}})
		synctest.Wait()
		if len(refused) != 0 || near.Stats().Sessions != 0 {
			t.Errorf("refused at once, or it still waits for the last owner: %+v", near.Stats())
		}
		time.Sleep(link.OpenTimeout)
		synctest.Wait()
		if len(refused) != 1 || <-refused != protocol.CodeRoomUnavailable || ann.closed != 0 {
			t.Errorf("not refused, or closed with %d", ann.closed)
		}
		close(owner.hall.wait)
		synctest.Wait()
		if s := owner.Stats(); s.Sockets != 0 || !slices.Equal(owner.hall.ended, []protocol.CloseCode{1006}) {
			t.Errorf("%+v, %v", s, owner.hall.ended)
		}
	})
}

func TestReadArrivedWaitsForTheEdge(t *testing.T) {
	inCluster(t, 2, nil, func(t *testing.T, c *cluster) {
		owner := c.nodes[0]
		ann := c.nodes[1].open(t)
		ann.say("last")
		owner.ReadArrived([]rooms.Socket{owner.hall.guests[0].socket, new(client)})
		if !slices.Equal(owner.hall.heard, []string{"last"}) {
			t.Errorf("%q", owner.hall.heard)
		}
	})
}

// A turn is one message for a node, each frame once, until it is too large.
func TestTurnIsOneMessage(t *testing.T) {
	var messages atomic.Int64
	var largest atomic.Int64
	judge := func(from, _ link.Incarnation, message []byte) linktest.Fate {
		if from.ID == "node-0" {
			messages.Add(1)
			largest.Store(max(largest.Load(), int64(len(message))))
		}
		return linktest.Fate{}
	}
	inCluster(t, 2, judge, func(t *testing.T, c *cluster) {
		var clients []*client
		for range 50 {
			clients = append(clients, c.nodes[1].open(t))
		}
		for _, test := range []struct {
			frames   []string
			messages int64
		}{
			{[]string{strings.Repeat("x", 1200)}, 1},
			{[]string{strings.Repeat("x", 60_000), strings.Repeat("y", 60_000), strings.Repeat("x", 60_000)}, 1},
			{[]string{strings.Repeat("1", 64<<10), strings.Repeat("2", 64<<10), strings.Repeat("3", 64<<10), strings.Repeat("4", 64<<10)}, 2},
			{[]string{strings.Repeat("z", 1<<20)}, 1},
		} {
			messages.Store(0)
			largest.Store(0)
			for _, client := range clients {
				client.set(func() { client.heard = nil })
			}
			h := c.nodes[0].hall
			h.mu.Lock()
			for _, frame := range test.frames {
				for _, g := range h.guests {
					g.socket.Send([]byte(frame), nil)
				}
			}
			h.links.Turned()
			h.mu.Unlock()
			synctest.Wait()
			if messages.Load() != test.messages || largest.Load() > link.TurnBytes && len(test.frames) > 1 {
				t.Errorf("%d messages of up to %d bytes", messages.Load(), largest.Load())
			}
			for _, client := range clients {
				if !slices.Equal(client.heard, test.frames) || client.closed != 0 {
					t.Fatalf("%d frames", len(client.heard))
				}
			}
			time.Sleep(interval) // acknowledged
		}
	})
}
