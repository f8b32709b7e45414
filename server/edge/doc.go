// Package edge is the part of the server that a client's socket touches on this node: HTTP, the
// handshake, frames, and the limits of network addresses.
//
// net/http takes the connections, with its parser, time-outs and TLS. A poller then reads the
// socket of a WebSocket, so that an idle participant costs no goroutine, and package frame reads
// and writes its frames. The client's frames go to a Session of its room, wherever that is; the
// room replies through the Conn. The package knows nothing about roles, seats or the limits of
// rooms.
package edge
