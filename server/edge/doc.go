// Package edge is what a client's socket touches on this node: HTTP, the handshake, frames, and the
// limits of network addresses.
//
// net/http takes the connections, with its parser, time-outs and TLS. The socket of a WebSocket is
// then read by a poller, so that an idle participant costs no goroutine, and package frame reads and
// writes its frames. What a client says goes to a Session of its room, wherever that is; the room
// answers through the Conn. The package knows nothing of roles, seats or the limits of rooms.
package edge
