package edge

import "net"

// Takeable is a listener whose descriptor can be taken away from Go's own poller, which would
// otherwise wake for each connection too. The descriptor belongs to the caller. Connections must
// inherit from it what they need.
type Takeable interface {
	net.Listener
	Take() (fd int, err error)
}

// Serve serves a listener until it fails or the HTTP server ends.
func (e *Edge) Serve(l net.Listener) error {
	takeable, ok := l.(Takeable)
	if !ok {
		return e.http.Serve(e.Gated(l))
	}
	fd, err := takeable.Take()
	if err != nil { // an old kernel
		return e.http.Serve(e.Gated(l))
	}
	polled := &polledListener{
		Listener: l, gate: e.gate, router: e.router, poller: e.pollers[0], assign: e.poller, fd: fd,
		wake: make(chan struct{}, 1),
	}
	polled.poller.listen(polled, fd)
	e.listening.Lock()
	e.listeners = append(e.listeners, polled)
	polled.setHeld(e.held.Load() != nil)
	if e.draining.Load() { // it has been handed over already
		polled.stop()
	}
	e.listening.Unlock()
	return e.http.Serve(polled)
}

// eachListener calls do for each listener.
func (e *Edge) eachListener(do func(*polledListener)) {
	e.listening.Lock()
	defer e.listening.Unlock()
	for _, l := range e.listeners {
		do(l)
	}
}
