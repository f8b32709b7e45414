package edge

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"time"
)

// maxRecordBytes is the largest TLS record (RFC 5246, section 6.2.3).
const maxRecordBytes = 5 + 16<<10 + 2<<10

// tlsSocket is a polledSocket with TLS by crypto/tls, which reads and writes the socket through it
// without ever waiting: a read that finds nothing times out, after which crypto/tls can be asked
// again, and a write is kept until the system takes it. So an idle connection has no goroutine
// with TLS either.
//
// All calls of conn are made with the socket's lock, because crypto/tls may write while it reads.
type tlsSocket struct {
	polledSocket
	conn *tls.Conn
	// arrived is what crypto/tls has not taken yet of the last read.
	arrived []byte
	// sealed are the records that the system has not taken yet, nil for none.
	sealed *buffer
	// ended is why nothing more can be read, once the rest is served. Only the poller's goroutine
	// uses it.
	ended error
}

// start reads what arrived early, with the handshake, and leaves the rest to the poller.
func (s *tlsSocket) start(early []byte) {
	s.mu.Lock()
	plain, err := s.open(nil, nil)
	s.mu.Unlock()
	takeSlices(s.reader, append(early, plain...), s.limits)
	if err != nil {
		s.failed(err)
		return
	}
	s.polledSocket.start(nil)
}

// open decrypts what has arrived, and all that crypto/tls still has, of which no event would tell.
// It returns that in memory, or in more if that is too little: crypto/tls never has more than a few
// records. The caller holds the lock.
func (s *tlsSocket) open(arrived, memory []byte) (plain []byte, err error) {
	if s.closed {
		return nil, net.ErrClosed
	}
	plain = memory[:0]
	for s.arrived = arrived; err == nil; {
		if len(plain) == cap(plain) { // a read into no memory would return nothing for ever
			plain = slices.Grow(plain, maxRecordBytes)
		}
		var took int
		took, err = s.conn.Read(plain[len(plain):cap(plain)])
		plain = plain[:len(plain)+took]
	}
	s.arrived = nil
	if s.sealed != nil { // an alert, or new keys
		s.pushBounded()
	}
	if errors.Is(err, errNotYet) {
		err = nil
	}
	return plain, err
}

// failed ends the socket after an error of open.
func (s *tlsSocket) failed(err error) {
	if errors.Is(err, io.EOF) { // a close_notify
		s.over()
	} else {
		s.cut()
	}
}

// receiveTLS decrypts what one read returned and serves it.
func (p *poller) receiveTLS(s *tlsSocket, read []byte) {
	from := s.reader.from()
	begun := time.Now()
	s.mu.Lock()
	plain, err := s.open(read, p.plain)
	s.mu.Unlock()
	p.plain = plain[:0]
	if from != nil {
		from.served(p.round, time.Since(begun))
	}
	if len(plain) > 0 {
		p.serveRead(&s.polledSocket, plain)
	}
	if err != nil {
		s.ended = err
		s.endIfServed()
	}
}

// endIfServed ends a socket of which nothing more can be read, unless some of what was read still
// has to be served.
func (s *tlsSocket) endIfServed() {
	if s.ended != nil && s.rest == nil {
		s.failed(s.ended)
	}
}

func (s *tlsSocket) waiting() int { return s.out.len() + s.sealed.len() }

// seal makes records of what is queued next and reports whether there are any to write. No more is
// sealed before the system has taken them.
func (s *tlsSocket) seal() (bool, error) {
	if s.sealed == nil && s.out != nil {
		piece := s.out.rest()
		n, err := s.conn.Write(piece[:min(len(piece), streamWriteBytes)])
		s.out.at += n
		if s.out.len() == 0 {
			s.out.release()
			s.out = nil
		}
		if err != nil {
			return false, err
		}
	}
	return s.sealed != nil, nil
}

// writeOut writes as much as the system takes now.
func (s *tlsSocket) writeOut() error {
	for {
		some, err := s.seal()
		if !some || err != nil {
			s.blocked = false
			return err
		}
		n, err := s.write(s.sealed.rest())
		if err != nil {
			return err
		}
		s.sealed.at += n
		if s.sealed.len() > 0 {
			s.blocked = true
			return nil
		}
		s.sealed.release()
		s.sealed = nil
	}
}

// notify sends the close_notify alert, so that the client can tell the end from an attack. It
// reports whether the system took it.
func (s *tlsSocket) notify() bool {
	_ = s.conn.CloseWrite() // only the first call has an effect
	if s.writeOut() != nil {
		s.close()
	}
	return s.sealed == nil && !s.closed
}

// tlsWire is what crypto/tls takes for the network connection.
type tlsWire tlsSocket

// errNotYet ends a read that has taken all that arrived. crypto/tls goes on after a time-out.
var errNotYet net.Error = notYet{}

type notYet struct{}

func (notYet) Error() string   { return "nothing has arrived yet" }
func (notYet) Timeout() bool   { return true }
func (notYet) Temporary() bool { return true }

// Read implements io.Reader.
func (w *tlsWire) Read(b []byte) (int, error) {
	if len(w.arrived) == 0 {
		return 0, errNotYet
	}
	n := copy(b, w.arrived)
	w.arrived = w.arrived[n:]
	return n, nil
}

// Write implements io.Writer. What it keeps is bounded: callers seal one piece at a time.
func (w *tlsWire) Write(b []byte) (int, error) {
	if w.closed {
		return 0, net.ErrClosed
	}
	if w.sealed == nil {
		w.sealed = buffers.Get().(*buffer)
	}
	w.sealed.bytes = append(w.sealed.bytes, b...)
	return len(b), nil
}
