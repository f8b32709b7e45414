package edge

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// streamReadBytes is what one read of a streamSocket takes at most.
	streamReadBytes = 4 << 10
	// streamWriteBytes is what one write takes at most, a TLS record.
	streamWriteBytes = 16 << 10
	// streamWriteTimeout cuts off a client that takes nothing at all for so long.
	streamWriteTimeout = 15 * time.Second
)

// streamSocket is a connection that no poller can read: one with TLS, or on
// another system than Linux. One goroutine reads, another writes while there is
// something to write.
type streamSocket struct {
	socket
	conn net.Conn
	// writing is what the writer has taken of out, nil if there is no writer.
	writing *buffer
	writer  bool
	// reads counts the beginnings and the ends of reads, so it is odd while the stream waits for more.
	reads atomic.Uint32
	// among are the streams that are open, of which it is one.
	among *streams
}

// streams are those that are open.
type streams struct {
	mu  sync.Mutex
	all map[*streamSocket]struct{}
}

// each calls do for the reader of each.
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

// start begins to read: first what came early, with the handshake.
func (s *streamSocket) start(early []byte) {
	go func() {
		takeSlices(s.reader, early, s.limits.lateSlices)
		b := make([]byte, streamReadBytes)
		for {
			s.reads.Add(1)
			n, err := s.conn.Read(b)
			s.reads.Add(1)
			takeSlices(s.reader, b[:n], s.limits.lateSlices)
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

// shutDownWrites ends what the client can read: of TLS with a close_notify
// alert, so that it can tell this from an attack, and of TCP below.
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
