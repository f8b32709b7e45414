package server

import (
	"context"
	"testing"

	"usher/protocol"
	"usher/server/cluster/link"
	"usher/server/cluster/link/linktest"
	"usher/server/edge"
	"usher/server/rooms"
	"usher/server/servertest"
)

// twoNodes makes the edge of a server and its rooms two nodes that only exchange messages.
type twoNodes struct {
	network     *linktest.Network
	edge, owner *link.Links
}

// Incarnations of the two nodes, and what each room is in: a single shard.
var (
	edgeNode  = link.Incarnation{ID: "edge", Nonce: 1}
	ownerNode = link.Incarnation{ID: "owner", Nonce: 1}
	ownersAt  = link.Place{Term: 1, Owner: ownerNode}
)

// settle waits until everything sent before has been handled at both nodes.
func (n *twoNodes) settle(t *testing.T) {
	servertest.Eventually(t, "no message is under way", n.network.Idle)
}

// linked puts a link between the edge of a server and its rooms.
func linked(t *testing.T, s *setup) *twoNodes {
	n := &twoNodes{network: linktest.NewNetwork(nil)}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(func() { stop(); n.network.Close() })
	var served *edge.Edge
	node := func(self link.Incarnation, local edge.Rooms, place link.Place) *link.Links {
		place.Here = self == place.Owner
		l := link.New(link.Config{
			Transport: n.network.Transport(self), Local: local, Place: func(string) link.Place { return place }, Shards: 1, Log: s.Log,
			ReadArrived: func(sockets []edge.Socket) {
				conns := make([]*edge.Conn, len(sockets))
				for i, socket := range sockets {
					conns[i] = socket.(*edge.Conn)
				}
				served.ReadArrived(conns)
			},
		})
		if err := l.Start(self); err != nil {
			t.Fatal(err)
		}
		go l.Run(ctx)
		return l
	}
	s.over = func(r *rooms.Rooms) edge.Rooms {
		n.owner = node(ownerNode, localRooms{r}, ownersAt)
		n.edge = node(edgeNode, nil, ownersAt)
		return n.edge
	}
	s.readArrived = func(sockets []rooms.Socket) { n.owner.ReadArrived(sockets) }
	s.turned = func() { n.owner.Turned() }
	s.prepare = func(s *Server) { served = s.edge }
	return n
}

// The rooms may be in another process than the sockets: the same frames come over a link.
func TestEveryTraceIsSeenOverALink(t *testing.T) {
	t.Parallel()
	eachTrace(t, func(p *replay) { p.isLinked = true })
}

// The edge's requests other than frames pass the link too.
func TestLinkedRoomsAreServedLikeLocalOnes(t *testing.T) {
	t.Parallel()
	var nodes *twoNodes
	s := launchSetUp(t, t.TempDir(), func(s *setup) { nodes = linked(t, s) })
	ann, bob := s.pair("linked-1")
	ann.offer("bob", "over the link")
	bob.expect("WEBRTC_OFFER")
	if response, body := s.ask("GET", "/rooms/linked-1"); response.StatusCode != 200 {
		t.Error(body)
	}
	response, body := s.ask("GET", "/rooms/linked-2")
	servertest.WantError(t, response, body, protocol.CodeRoomNotFound)
	bob.send("\xff")
	bob.refused(protocol.CodeInvalidUTF8)
	nodes.owner.Stop()
	ann.closedAtLast(protocol.CloseRestart)
	response, body = s.ask("GET", "/rooms/linked-1")
	servertest.WantError(t, response, body, protocol.CodeRoomUnavailable)
}
