// Package rooms has the rooms that this node owns: it steps the core, carries out its effects,
// stores what must be stored and restores what was.
//
// Each room has a lock (loop.go) under which the core is stepped and its effects are carried out,
// in order (effect.go). Frames and closes that nobody may see before a commit wait in an outbox for
// each connection (outbox.go). Everything about roles, seats and limits belongs to the core; this
// package counts rooms by the address of their creators, because no single room could.
//
// A client's socket is behind the interface Socket, on this machine or another: the package knows
// nothing about connections, HTTP or the network.
package rooms
