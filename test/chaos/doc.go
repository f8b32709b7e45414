// Package chaos breaks a cluster of three ushers while people use it, and decides whether anything
// was seen that must not be.
//
//	go test ./test/chaos -faults 300 -timeout 2h -v
//
// Three processes run on loopback, with rooms of three people each on a node of their own. All
// people are goroutines of one process, so one clock orders what all of them see. Each numbers what
// it asks (renames) and what it relays (candidates), and that is all the witness needs: a number
// that falls is an older owner's frame after a newer one's, a number that was shown and is missing
// later is a lost change, and a number that is skipped is a lost frame (witness.go). People return
// to another node with their tokens when a socket ends or is silent, as docs/protocol.md says
// (person.go). At the end all nodes are killed at once, and what people were shown is looked up in
// the stream (stream.go).
//
// Faults are drawn from a seed that is printed (fault.go). Links between nodes lead through proxies
// of this process (links.go), one disk is small (disk_linux.go), and the usher that is built here
// has hooks that nobody ships, for what no signal can do (hooks.go).
//
// A kill does not touch the system's cache, so this says nothing about power cuts. How long rooms
// are silent is reported; only a gross silence fails, because machines differ.
package chaos
