package edge

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// streamReadBytes is the most that one read of a streamSocket takes.
	streamReadBytes = 4 << 10
	// streamWriteBytes is the most that one write takes, a TLS record.
	streamWriteBytes = 16 << 10
	// streamWriteTimeout is how long a client may take nothing at all before it is cut off.
	streamWriteTimeout = 15 * time.Second
)

// streamSocket is a connection that no poller can read, because the system is not Linux. One
// goroutine reads, and another writes while something is queued.
type streamSocket struct {
	socket
	conn net.Conn
	// writing is what the writer has taken from out, nil if no writer runs.
	writing *buffer
	writer  bool
	// reads counts the beginnings and the ends of reads, so it is odd while the stream waits for
	// more.
	reads atomic.Uint32
	// among is the set of open streams that it belongs to.
	among *streams
}

// streams is the set of open streams.
type streams struct {
	mu  sync.Mutex
	all map[*streamSocket]struct{}
}

// each calls do for the reader of each stream.
func (t *streams) each(do func(reader)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for s := range t.all {
		do(s.reader)
	}
}

func newStreamSocket(conn net.Conn, limits *socketLimits, among *streams, r reader) *streamSocket {
	s := &streamSocket{conn: conn, among: among}
	s.socket = socket{transport: s, reader: r, limits: limits}
	among.mu.Lock()
	defer among.mu.Unlock()
	among.all[s] = struct{}{}
	return s
}

// start begins reading, first what arrived early, with the handshake.
func (s *streamSocket) start(early []byte) {
	go func() {
		takeSlices(s.reader, early, s.limits)
		b := make([]byte, streamReadBytes)
		for {
			s.reads.Add(1)
			n, err := s.conn.Read(b)
			s.reads.Add(1)
			takeSlices(s.reader, b[:n], s.limits)
			if err != nil {
				s.over()
				return
			}
		}
	}()
}

func (s *streamSocket) waiting() int { return s.out.len() + s.writing.len() }

// push starts the writer unless it runs.
func (s *streamSocket) push() {
	if !s.writer {
		s.writer = true
		go s.write()
	}
}

// write writes until nothing is left.
func (s *streamSocket) write() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.out != nil {
		s.writing, s.out = s.out, nil
		for s.writing.len() > 0 && !s.closed {
			s.writePiece()
		}
		s.writing.release()
		s.writing = nil
	}
	if s.done() && !s.shutDown {
		s.shutDown = true
		s.mu.Unlock()
		shutDownWrites(s.conn)
		s.mu.Lock()
		if s.readOver {
			s.close()
		}
	}
	s.writer = false
}

// writePiece writes a piece of writing, without the lock.
func (s *streamSocket) writePiece() {
	piece := s.writing.rest()
	piece = piece[:min(len(piece), streamWriteBytes)]
	s.mu.Unlock()
	_ = s.conn.SetWriteDeadline(time.Now().Add(streamWriteTimeout))
	n, err := s.conn.Write(piece)
	s.mu.Lock()
	s.writing.at += n
	if err != nil {
		s.close()
	}
}

// shutDownWrites ends what the client can read: for TLS with a close_notify alert, so that the
// client can tell this from an attack, and then for TCP.
func shutDownWrites(conn net.Conn) {
	if secured, ok := conn.(*tls.Conn); ok {
		_ = secured.CloseWrite()
		conn = secured.NetConn()
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

func (s *streamSocket) close() {
	if !s.end() {
		return
	}
	s.among.mu.Lock()
	delete(s.among.all, s)
	s.among.mu.Unlock()
	conn := s.conn
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn() // tls.Conn.Close waits up to 5 s to write an alert
	}
	_ = conn.Close()
}
