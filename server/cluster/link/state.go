package link

import (
	"context"
	"sync"
	"sync/atomic"

	"usher/protocol"
	"usher/room"
	"usher/server/edge"
	"usher/server/tracing"
)

// Links are all links of a node. New returns them, Start makes the node one incarnation, Run sends
// the beats. It implements edge.Rooms for all rooms of the cluster.
type Links struct {
	config Config
	// terms are the highest terms known, by shard. passing is locked while one is raised, so that
	// no frame of a lower term is on its way to a socket then.
	terms   []atomic.Uint64
	passing sync.RWMutex
	// numbers is the last number of a link, and conns that of a connection or question. Neither is
	// used twice.
	numbers, conns atomic.Uint64
	// unsent counts the links that have something to send at the end of a turn.
	unsent atomic.Int32
	// placed is closed, and replaced, when shards have other owners than before.
	placed atomic.Pointer[chan struct{}]
	// waiting counts those who wait for the owner of a room.
	waiting atomic.Int64
	// waits ends with LetGo.
	waits context.Context
	letGo context.CancelFunc
	// breaks counts the links that broke, and dropped the messages and items that were not taken.
	breaks, dropped atomic.Uint64

	mu   sync.Mutex
	self Incarnation
	stop func()
	// all are the links, one for each node id. It is replaced, never changed.
	all atomic.Pointer[[]*link]
}

// link is the pair of links with one other incarnation.
type link struct {
	links    *Links
	self, to Incarnation

	// receiving is held while a message is handled. frame is what is being handled, and sockets
	// those that get it.
	receiving sync.Mutex
	frame     protocol.Frame
	receivers []*session
	// trace is that of the connection that is opened next, if its number is traced. Nil for none.
	trace  *tracing.Context
	traced uint64

	// unsent: out has items that wait for the end of the turn.
	unsent atomic.Bool

	mu sync.Mutex
	// joined: the incarnation is known from more than its messages. retired: it is over, and the
	// link is never opened again.
	joined, retired bool
	// major is the version that this node sends in. foreign: the other node speaks none that this
	// one does, and the link is never opened.
	major   uint8
	foreign bool
	// number is this node's number for the open link, 0 if none is open. sequence is that of the
	// last message sent, sent and acked count its bytes.
	number, sequence, sent, acked uint64
	// peer is the other node's number, 0 until it is known. handled counts what was handled of it,
	// of which acknowledged has been sent. received is the last sequence number. dead is the
	// highest of its numbers that is over.
	peer, received, handled, acknowledged, dead uint64
	// heard: something has come since the last tick. silent counts the ticks before in which
	// nothing came, and unused those in which nobody needed the link.
	heard          bool
	silent, unused int
	// out is the message being made. head is the length of its head, and sending is where its last
	// item begins, if that is a Send, else 0.
	out     []byte
	head    int
	sending int

	// sessions are this node's sockets, by their number, and asks what waits for a reply.
	sessions map[uint64]*session
	asks     map[uint64]chan<- finding
	// sockets are the other node's, by its numbers. reads are questions of this node to it.
	sockets map[uint64]*socket
	reads   map[uint64]chan<- struct{}
	// underWay counts the rooms that are being opened or described for the other node.
	underWay int
}

// session is a socket of this node in a room of another. It implements edge.Session.
type session struct {
	link   *link
	socket edge.Socket
	roomID string
	conn   uint64
	term   uint64
	shard  uint16
	// isOpen: the owner has opened it. over: the socket has ended, or the link has. The link's lock
	// guards these and the window.
	isOpen, over bool
	window       window
	// opened gets the reason for a refusal, or "".
	opened chan protocol.Code
}

// socket is another node's socket in a room of this one. It implements edge.Socket, and
// rooms.Socket, and costs no goroutine. What it says goes out at the end of the turn.
type socket struct {
	link *link
	// session is nil while the room is being opened. The link's lock guards what follows.
	session edge.Session
	conn    uint64
	term    uint64
	window  window
	shard   uint16
	// over: nothing more is sent. gone: the socket has ended with code, maybe while it was opened.
	over, gone bool
	code       uint16
}

// finding is what comes of a question about a room.
type finding struct {
	summary protocol.RoomSummary
	// takenAtMs and made are those of AskSeat and Create.
	takenAtMs int64
	made      room.Creation
	refusal   protocol.Code
	view      room.View
}

// window estimates from above how many bytes of one person are under way on a link.
type window struct {
	// mark is how much had been sent when fresh began to count; older was counted before.
	mark         uint64
	older, fresh uint32
}
