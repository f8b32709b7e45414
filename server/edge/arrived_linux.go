package edge

import (
	"crypto/tls"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// pass is one look at all sockets, which somebody waits for.
type pass struct {
	done   chan struct{}
	rounds int // that remain
}

// passRounds bounds a pass while addresses send more than their shares.
const passRounds = 64

// pass requests a look at all sockets. The channel is closed when each of them that had something
// to read has been read from, or after enough rounds for each to have been served.
func (p *poller) pass() <-chan struct{} {
	done := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		close(done)
		return done
	}
	p.asked = append(p.asked, done)
	p.wakeUp()
	return done
}

// beginPasses starts the requested passes with the next round. It returns false after stop.
func (p *poller) beginPasses(events int) bool {
	var count [8]byte
	_, _ = unix.Read(p.wake, count[:])
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return false
	}
	for _, done := range p.asked {
		// The kernel reports the ready sockets in rotation, at most this many at a time.
		p.passes = append(p.passes, pass{done, len(p.sockets)/events + 1 + passRounds})
	}
	p.asked = nil
	return true
}

// endPasses ends the passes that have seen everything in this round or have used up their rounds.
func (p *poller) endPasses(left bool) {
	kept := p.passes[:0]
	for _, pass := range p.passes {
		if pass.rounds--; left && pass.rounds > 0 {
			kept = append(kept, pass)
		} else {
			close(pass.done)
		}
	}
	if p.passes = kept; len(kept) == 0 {
		p.passes = nil
	}
}

// unread reports whether the system holds bytes of the connection that have not been read.
func unread(conn net.Conn) bool {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	n := 0
	_ = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	return n > 0
}
