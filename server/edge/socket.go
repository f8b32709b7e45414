package edge

import (
	"sync"
	"sync/atomic"
	"time"

	"usher/protocol"
	"usher/server/frame"
	"usher/server/metrics"
)

// reader takes what arrives on a socket.
type reader interface {
	// read handles the frames of one slice of data, which is valid until it returns, and returns
	// how many bytes they had. It takes at least one byte. Frames that are sent in the meantime may
	// become part of the batch.
	read(data []byte, b *batch) int
	// from returns the network address that the slices are counted by, nil for none.
	from() *source
	// ended is called once, when the socket is closed, on a goroutine that holds no lock.
	ended()
}

// transport moves the bytes of socket.out. The caller of its methods holds the socket's lock and
// perhaps a room's, so they do not block.
type transport interface {
	// push writes what the client takes now, or arranges for it to be written. Once nothing is left
	// and finishing is set, it shuts down the writing side.
	push()
	// waiting returns how many bytes have not been written.
	waiting() int
	// close closes the connection, once. Queued bytes are lost.
	close()
}

// connSocket is what a Conn needs of its socket.
type connSocket interface {
	start(early []byte)
	send(op frame.Opcode, payload []byte, b *batch)
	shut(code protocol.CloseCode, reason string)
	finish(replied bool)
	cut()
	pending() int
}

// socketLimits are shared by all sockets of a server.
type socketLimits struct {
	maxPending int
	// maxPendingWhenFull replaces maxPending while memory is nearly used up.
	maxPendingWhenFull int
	full               func() bool
	closeGrace         time.Duration
	// lateSlices has a place for each goroutine that reads more than one slice in a row. These
	// sockets have no poller that would serve the others first.
	lateSlices chan struct{}
	// metrics has the times of messages, and lastFlow distributes them.
	metrics  *metrics.Metrics
	lastFlow atomic.Uint32
}

// pending returns how many bytes may be queued for one client now.
func (l *socketLimits) pending() int {
	if l.full() {
		return min(l.maxPending, l.maxPendingWhenFull)
	}
	return l.maxPending
}

// flow distributes goroutines over what counts times.
func (l *socketLimits) flow() *metrics.Flow {
	if l.metrics == nil {
		return nil
	}
	return l.metrics.Flow(int(l.lastFlow.Add(1)))
}

// closeGrace is the default of Config.CloseGrace.
const closeGrace = 2 * time.Second

// socket is the writing side of a connection. What the client does not take at once is queued, up
// to a bound, beyond which the client is cut off.
type socket struct {
	transport
	reader reader
	limits *socketLimits

	mu  sync.Mutex
	out *buffer // what has not been written, nil for nothing
	// last is set once the close frame is queued, which nothing may follow (RFC 6455, section
	// 5.5.1).
	last bool
	// finishing: the connection is over once out is written. replied: the client's close frame has
	// arrived, so nothing more should.
	finishing, replied bool
	// readOver is set once the client has ended its side.
	readOver bool
	// shutDown is set once the writing side is shut down.
	shutDown bool
	closed   bool
	// batched is set if a batch will push.
	batched bool
	grace   *time.Timer
}

// send queues a frame. After a close frame it does nothing.
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

// pushBounded pushes, and cuts off a client that has too much queued.
func (s *socket) pushBounded() {
	s.push()
	if s.waiting() > s.limits.pending() {
		s.close()
	}
}

// batch is what a goroutine that reads sockets needs for one slice and can reuse for the next: the
// current frame, and the sockets with frames that wait for the end of the slice, so that the frames
// of one slice reach a client in one system call.
type batch struct {
	frame   protocol.Frame
	relay   protocol.Relay
	sockets []*socket
	// begun is when the slice was.
	begun time.Time
	tally
}

// sends counts a frame that is sent to a socket if it is passed on, which is the frame under way
// itself and no copy of it.
func (b *batch) sends(message []byte) {
	if b != nil && b.flow != nil && len(message) > 0 && len(b.frame.Bytes) > 0 && &message[0] == &b.frame.Bytes[0] {
		b.relayed++
	}
}

// release writes the waiting frames.
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

// shut queues the close frame and gives the client a while to take it and to reply, whatever else
// it sends. Only the first call has an effect.
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

// finish ends a connection once its close frame is written. The writing side is shut down first and
// what still arrives is discarded: closing a socket with unread bytes resets it, and the client may
// lose the close frame (RFC 6455, section 7.1.1). replied says that nothing more should arrive.
func (s *socket) finish(replied bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.finishing, s.replied = true, s.replied || replied
	if s.last {
		s.push()
	}
}

// done reports whether the only thing left is to shut down the writing side.
func (s *socket) done() bool { return s.finishing && s.last && s.waiting() == 0 && !s.closed }

// over handles the end of what the client sends. If the close frame is still to be written, it gets
// time for that.
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

// end marks the socket closed and reports whether it was open. The caller holds the lock and then
// closes the connection.
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

// pending returns how many bytes are queued.
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

// takeSlices makes r read all of data. The first slice is read at once, later ones when late has a
// place, and each only while no other socket of the address is being read.
func takeSlices(r reader, data []byte, limits *socketLimits) {
	if len(data) == 0 {
		return
	}
	late := limits.lateSlices
	b := batches.Get().(*batch)
	b.flow = limits.flow()
	from := r.from()
	for first := true; len(data) > 0; first = false {
		from.lockSlice()
		if !first {
			late <- struct{}{}
		}
		b.begun = time.Now()
		n := r.read(data, b)
		b.release()
		b.count(time.Since(b.begun))
		if !first {
			<-late
		}
		from.unlockSlice()
		data = data[n:]
	}
	batches.Put(b)
}

// buffer holds bytes to be written; those before at have been.
type buffer struct {
	bytes []byte
	at    int
}

const (
	// bufferBytes is a new buffer's size, more than a common message.
	bufferBytes = 4 << 10
	// maxPooledBytes is how large a buffer may be to be reused, more than a common slice's
	// messages.
	maxPooledBytes = 16 << 10
)

var buffers = sync.Pool{New: func() any { return &buffer{bytes: make([]byte, 0, bufferBytes)} }}

// Write implements io.Writer, and WriteString io.StringWriter.
func (b *buffer) Write(p []byte) (int, error) {
	b.bytes = append(b.bytes, p...)
	return len(p), nil
}

func (b *buffer) WriteString(s string) (int, error) {
	b.bytes = append(b.bytes, s...)
	return len(s), nil
}

func (b *buffer) rest() []byte { return b.bytes[b.at:] }

// len returns how much is left, 0 for a nil buffer.
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

// release gives back a buffer that has nothing left.
func (b *buffer) release() {
	if cap(b.bytes) <= maxPooledBytes {
		b.bytes, b.at = b.bytes[:0], 0
		buffers.Put(b)
	}
}
