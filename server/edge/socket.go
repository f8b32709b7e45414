package edge

import (
	"sync"
	"time"

	"usher/protocol"
	"usher/server/frame"
)

// reader takes what comes from a socket.
type reader interface {
	// read takes the frames of one slice from data, which is valid until it
	// returns, and returns how many bytes that was. It takes at least one. What is
	// written meanwhile may be part of the batch.
	read(data []byte, b *batch) int
	// from is the network address that the slices are counted by, nil for none.
	from() *source
	// ended is called once, when the socket is closed, on a goroutine that holds no lock.
	ended()
}

// transport moves the bytes of socket.out. Its methods are called with the
// socket's lock and perhaps a room's, so they do not block.
type transport interface {
	// push writes what the client takes now, or has it written. Once nothing is
	// left of it and finishing is set, it shuts down the side that writes.
	push()
	// waiting is how many bytes have not been written.
	waiting() int
	// close closes once. What waits to be written is lost.
	close()
}

// socketLimits are what all sockets of a server share.
type socketLimits struct {
	maxPending int
	// maxPendingWhenFull takes its place while memory is nearly used up.
	maxPendingWhenFull int
	full               func() bool
	closeGrace         time.Duration
	// lateSlices holds those who read more than one slice at once and have
	// no poller to see to it that the others get theirs first.
	lateSlices chan struct{}
}

// pending is how many bytes may wait for one client now.
func (l *socketLimits) pending() int {
	if l.full() {
		return min(l.maxPending, l.maxPendingWhenFull)
	}
	return l.maxPending
}

// socket is the side of a connection that writes. What the client does not take
// at once waits, up to a bound; past it the client is cut off.
type socket struct {
	transport
	reader reader
	limits *socketLimits

	mu  sync.Mutex
	out *buffer // what has not been written, nil for nothing
	// last: the close frame is queued, and nothing may follow it (RFC 6455, section 5.5.1).
	last bool
	// finishing: the connection is over once out is written. answered: the
	// client's close frame has come, so nothing more should.
	finishing, answered bool
	// readOver: the client has ended its side.
	readOver bool
	// shutDown: the side that writes is shut down.
	shutDown bool
	closed   bool
	// batched: a batch will push.
	batched bool
	grace   *time.Timer
}

// send queues a frame. Behind a close frame it does nothing.
func (s *socket) send(op frame.Opcode, payload []byte, b *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last || s.closed {
		return
	}
	out := s.reserve(frame.MaxHeaderBytes + len(payload))
	out.bytes = frame.Append(out.bytes, op, payload)
	switch {
	case b == nil:
		s.pushBounded()
	case !s.batched:
		s.batched = true
		b.sockets = append(b.sockets, s)
	}
}

// pushBounded pushes, and cuts off a client for whom too much waits.
func (s *socket) pushBounded() {
	s.push()
	if s.waiting() > s.limits.pending() {
		s.close()
	}
}

// batch is what a goroutine that reads sockets needs for a slice and the next can use again: the
// frame at hand, and the sockets with frames that wait for the end of the slice, so that those of one
// slice go to a client in one system call.
type batch struct {
	frame   protocol.Frame
	sockets []*socket
}

// release writes what waits.
func (b *batch) release() {
	for i, s := range b.sockets {
		s.mu.Lock()
		if s.batched = false; !s.closed {
			s.pushBounded()
		}
		s.mu.Unlock()
		b.sockets[i] = nil
	}
	b.sockets = b.sockets[:0]
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// shut queues the close frame and gives the client a while to take it and to
// answer, whatever else it sends. Only the first call has an effect.
func (s *socket) shut(code protocol.CloseCode, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last || s.closed {
		return
	}
	s.last = true
	s.grace = time.AfterFunc(s.limits.closeGrace, s.cut)
	out := s.reserve(frame.MaxHeaderBytes + frame.MaxControlBytes)
	out.bytes = frame.AppendClose(out.bytes, uint16(code), reason)
	s.push()
}

// finish ends a connection once its close frame is written.
// The side that writes is shut down first and what still comes is thrown away:
// closing a socket with unread bytes resets it, and the client may lose the
// close frame (RFC 6455, section 7.1.1). answered says that nothing should come.
func (s *socket) finish(answered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.finishing, s.answered = true, s.answered || answered
	if s.last {
		s.push()
	}
}

// done reports whether nothing is left to do but to shut down the side that writes.
func (s *socket) done() bool { return s.finishing && s.last && s.waiting() == 0 && !s.closed }

// over is the end of what the client sends. If the close frame is still to be
// written, it gets that.
func (s *socket) over() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readOver = true
	if s.last && !s.closed && s.waiting() > 0 {
		s.finishing = true
		s.push()
		return
	}
	s.close()
}

// cut ends the connection at once.
func (s *socket) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.close()
}

// end marks the socket closed and reports whether it was open. The caller holds
// the lock and then closes what it has.
func (s *socket) end() bool {
	if s.closed {
		return false
	}
	s.closed, s.out = true, nil
	if s.grace != nil {
		s.grace.Stop()
	}
	go s.reader.ended()
	return true
}

// pending is how many bytes wait to be written.
func (s *socket) pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting()
}

// reserve returns out with room for n more bytes.
func (s *socket) reserve(n int) *buffer {
	if s.out == nil {
		s.out = buffers.Get().(*buffer)
	}
	s.out.compact(n)
	return s.out
}

// takeSlices has all of data read. The first slice comes at once, those after it
// when late has a place, and each when no other socket of the address has its own.
func takeSlices(r reader, data []byte, late chan struct{}) {
	if len(data) == 0 {
		return
	}
	b := batches.Get().(*batch)
	from := r.from()
	for first := true; len(data) > 0; first = false {
		from.lockSlice()
		if !first {
			late <- struct{}{}
		}
		n := r.read(data, b)
		b.release()
		if !first {
			<-late
		}
		from.unlockSlice()
		data = data[n:]
	}
	batches.Put(b)
}

// buffer is bytes to be written, of which those before at have been.
type buffer struct {
	bytes []byte
	at    int
}

const (
	// bufferBytes is a new buffer's size, more than a common message.
	bufferBytes = 4 << 10
	// maxPooledBytes is how large a buffer may be to be used again, more than a common turn's messages.
	maxPooledBytes = 16 << 10
)

var buffers = sync.Pool{New: func() any { return &buffer{bytes: make([]byte, 0, bufferBytes)} }}

func (b *buffer) rest() []byte { return b.bytes[b.at:] }

// len is how much is left, 0 for a nil buffer.
func (b *buffer) len() int {
	if b == nil {
		return 0
	}
	return len(b.bytes) - b.at
}

// compact gives up what has been written, before memory grows for n more bytes.
func (b *buffer) compact(n int) {
	if b.at > 0 && len(b.bytes)+n > cap(b.bytes) {
		b.bytes = b.bytes[:copy(b.bytes, b.rest())]
		b.at = 0
	}
}

// release gives back a buffer that nothing is left of.
func (b *buffer) release() {
	if cap(b.bytes) <= maxPooledBytes {
		b.bytes, b.at = b.bytes[:0], 0
		buffers.Put(b)
	}
}
