// Package handover carries values and descriptors from a server to the process that takes its place
// on the same machine. Linux only.
//
// The old process starts the new one with one end of a pair of sockets, and so nobody else can
// speak: each message has the sender's process id and user from the kernel, and any other than the
// process that was started is refused. What passes is, in order:
//
//	new → old  Hello    it has read its settings and is ready to take over
//	old → new  Head     everything stands still, and the store is closed
//	           …        what the Head announces, with its descriptors
//	new → old  Reply    it has opened the store and holds everything, or why not
//	old → new  Go       from now on everything is the new process's
//	new → old  Reply    it begins
//
// Until it has sent the second Reply the new process lets nobody see anything. So the old one goes
// on if that is missing, but only after it has stopped the new one and looked once more: a process
// that stands still cannot begin. If the connection ends where Go should be, the old process has
// died, and the new one begins.
//
// The store's lock has one owner all the time. The old process opens the store again only once the
// new one has been killed; if the lock is not free even then, it tries until it is.
package handover

// Version is the version of what passes. A process takes over only from one of the same version.
const Version = 1

// EnvFD names the variable with the number of the new process's descriptor.
const EnvFD = "TAKE_OVER_FD"

// Hello is the new process's first message.
type Hello struct {
	// Version is that of this package, and Attachment the one of the connections within a room.
	Version, Attachment int
	// Program is the new program's version, for the log.
	Program string
}

// Head says what follows.
type Head struct {
	// NowMs is the old process's time at MonotonicNs of the system's monotonic clock.
	NowMs, MonotonicNs int64
	// Listeners and MetricsListeners are how many descriptors of each come first.
	Listeners, MetricsListeners int
	// Rooms is how many rooms follow.
	Rooms int
	// Listen and MetricsListen are the settings that the listeners are of. They are "" if the
	// process was started with its listeners, or by one that did not say.
	Listen, MetricsListen string
	// Events are what api.API.AppendEvents has returned, nil for none.
	Events []byte
}

// Reply is "" or the reason that the new process does not take over.
type Reply struct{ Refusal string }

// Go makes the new process begin.
type Go struct{}
