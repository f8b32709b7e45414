// Package link carries people between the node that has their sockets (the edge) and the node that
// owns their room (the owner).
//
// [Links] has all links of a node, in both roles. To its edge it is edge.Rooms: what is asked about
// a room that another node owns goes there. To the rooms that this node owns it is an edge like the
// local one: a remote person is an edge.Socket, made by the owner's end of the link.
//
// # A link
//
// Between two incarnations of nodes there is one link in each direction, and the two live and end
// together. A message has the link's number, which is never used again, and a sequence number. It
// also names the link of the other direction that the sender takes messages of, how many bytes of
// it have been handled, and which links it will never take again. So each end learns, whatever is
// lost, when the other has given a link up.
//
// A link breaks if a sequence number is missing, if nothing has come for 2 s (a beat is sent each
// 500 ms), if MaxUnacknowledged bytes have been sent that nobody has handled, or if the other node
// has another incarnation. Then everybody on it ends: the edge closes their sockets with 1012, and
// the owner's rooms hear that they were disconnected (1006). Until then everything arrives in order
// and without holes.
//
// What somebody may have under way is bounded by a share of what is left, so a slow node costs the
// person who sends or receives the most, not all: the edge closes their socket with 1013, and the
// owner cuts them off like any slow reader.
//
// # Terms
//
// Each item about a person has the shard of their room and the term of its owner. The edge takes
// nothing of a lower term than it knows for the shard, and closes the sockets of people whose
// owner's term has passed.
//
// # Messages
//
// A message is a head and items; see [Decode]. A newer minor version adds fields to the end of the
// head and kinds of items, and changes none: an older node skips them. Two nodes send each other
// the highest major version that both speak, and have no link if none exists.
//
// # What carries them
//
// [NATS] is a [Transport], and so is [Direct]: a TLS connection from each node to each that it
// sends to, with NATS for those that it cannot dial. A link does not know which: a message that
// either has lost is missing in its numbers.
//
// # Locks
//
// A room's lock is taken before a link's. So nothing of a room or a socket is called with a link's
// lock held, and what ends with a link is told from a goroutine of its own.
package link
