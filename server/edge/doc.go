// Package edge is the part of the server that a client's socket touches on this node: HTTP, the
// handshake, frames, and the limits of network addresses.
//
// A poller accepts connections and serves their handshakes; all other requests are net/http's, and
// with TLS handshakes too. The poller then reads the socket of a WebSocket, so that an idle
// participant costs no goroutine, and package frame reads and writes its frames. Systems other than
// Linux have no poller. The client's frames go to a Session of its room, wherever that is; the
// room replies through the Conn. The package knows nothing about roles, seats or the limits of
// rooms.
package edge
