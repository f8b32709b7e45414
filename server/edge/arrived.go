package edge

import (
	"slices"
	"time"
)

const (
	// arrivalTimeout bounds the wait for what has arrived: clients that never stop sending cannot
	// delay the judging of other clients' deadlines any longer.
	arrivalTimeout = time.Second
	// arrivalLook is the time between two looks at a stream.
	arrivalLook = 2 * time.Millisecond
)

// ReadArrived waits until everything that had arrived for these connections when it was called has
// been read. A client whose bytes wait in its socket, because the process was stopped or is busy,
// has been sending.
func (e *Edge) ReadArrived(conns []*Conn) {
	for !e.readArrived(conns) {
		held := e.held.Load()
		if held == nil {
			return
		}
		<-held.over // nothing was read meanwhile
	}
}

// readArrived reports whether it was in time.
func (e *Edge) readArrived(conns []*Conn) bool {
	timeout := time.NewTimer(arrivalTimeout)
	defer timeout.Stop()
	var passes []<-chan struct{}
	for _, p := range e.pollers {
		if p != nil {
			passes = append(passes, p.pass())
		}
	}
	for _, passed := range passes {
		select {
		case <-passed:
		case <-timeout.C:
			return false
		}
	}
	for looks := streamsOf(conns); len(looks) > 0; {
		select {
		case <-time.After(arrivalLook):
		case <-timeout.C:
			return false
		}
		looks = slices.DeleteFunc(looks, (*streamLook).again)
	}
	return true
}

// streamsOf takes a first look at every connection that no poller reads.
func streamsOf(conns []*Conn) (looks []*streamLook) {
	for _, c := range conns {
		if c.state.Load() != open {
			continue
		}
		if s, ok := c.socket.(*streamSocket); ok {
			look := &streamLook{stream: s, first: s.reads.Load()}
			look.last = look.first
			looks = append(looks, look)
		}
	}
	return looks
}

// streamLook records how far a stream has been read.
type streamLook struct {
	stream      *streamSocket
	first, last uint32 // of streamSocket.reads
}

// again reports whether what had arrived at the first look has been read: either the stream was
// found waiting for more twice in a row, or it has been read from twice since.
func (l *streamLook) again() bool {
	now := l.stream.reads.Load()
	waits := now%2 == 1 && now == l.last
	l.last = now
	return waits || now-l.first >= 4
}
