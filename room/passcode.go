package room

import (
	"crypto/subtle"

	"usher/protocol"
)

const (
	// PasscodeIterations of PBKDF2 are as many as Cloudflare's WebCrypto carries out.
	PasscodeIterations = 100_000
	// SaltBytes and DigestBytes are the sizes of what a passcode is hashed with, and to.
	SaltBytes, DigestBytes = 16, 32
	// checkMs is how long a shell may take for a hash or an invite. It cannot have lost one before,
	// except by its own end.
	checkMs = 10_000
)

// passcode is what a room keeps of one: PBKDF2-HMAC-SHA256, with its parameters.
type passcode struct {
	salt       [SaltBytes]byte
	iterations uint64
	digest     [DigestBytes]byte
}

// HashRequest is what Hash asks for: PBKDF2-HMAC-SHA256 of a passcode.
type HashRequest struct {
	// Number is for the Hashed that answers it.
	Number uint32
	// Address is that of the connection: see Event.Address. Addresses should take turns.
	Address uint64
	// Passcode points into the frame of the event.
	Passcode []byte
	// Salt is nil if the shell has to draw one.
	Salt       *[SaltBytes]byte
	Iterations int
}

// HashResult is what Hashed answers to a HashRequest.
type HashResult struct {
	// Number is the request's.
	Number uint32
	// Failed reports that there is no hash: too many are under way.
	Failed bool
	// Salt is the request's, or the one that was drawn.
	Salt   [SaltBytes]byte
	Digest [DigestBytes]byte
}

// checking is a request that waits for the hash of its passcode, or for what its invite says. The
// shell has the request.
type checking struct {
	// untilMs is when it is refused unless that has come.
	untilMs     int64
	ref         string
	messageType protocol.Type
	// making: the passcode is that of a room that does not exist yet.
	making bool
}

// askHash lets a request wait for the hash of its passcode.
func (s *step) askHash(c *conn, text []byte, salt *[SaltBytes]byte) {
	iterations := PasscodeIterations
	if salt != nil {
		iterations = int(s.door.passcode.iterations)
	}
	request := &HashRequest{Number: s.awaitShell(c), Address: c.address, Passcode: text, Salt: salt, Iterations: iterations}
	s.effects = append(s.effects, Effect{Kind: Hash, Conn: c.id, Hash: request})
}

// awaitShell lets the request wait for the shell, and returns the number of what it asks.
func (s *step) awaitShell(c *conn) uint32 {
	c.checks++
	c.checking = &checking{untilMs: s.nowMs + checkMs, ref: s.ref, messageType: s.messageType, making: !s.Exists()}
	s.due = true
	s.changed(c)
	return c.checks
}

// shellAnswered returns the request for which the shell has found out what it was asked, or nil if
// nothing waits for that.
func (s *step) shellAnswered(c *conn, number uint32) *checking {
	if c == nil || c.checking == nil || c.checks != number {
		return nil
	}
	request := c.checking
	c.checking = nil
	s.due = true
	s.changed(c)
	s.by, s.messageType, s.ref = c, request.messageType, request.ref
	return request
}

// isChecking refuses a request while an earlier one of the connection waits for the shell, so that
// neither overtakes the other.
func (s *step) isChecking(c *conn) bool {
	if c.checking == nil {
		return false
	}
	s.refuse(c, protocol.CodeRoomBusy, "the last passcode or invite is still being checked")
	return true
}

// hashed handles the request again whose passcode has been hashed. Whatever has happened meanwhile
// counts.
func (s *step) hashed() {
	c, result, m := s.connOf(s.event.Conn), s.event.Hash, s.event.Message
	request := s.shellAnswered(c, result.Number)
	switch {
	case request == nil:
	case c.parked:
	case result.Failed:
		s.refuse(c, protocol.CodeRoomBusy, "")
	case m.Type != protocol.SetDoor:
		s.hash, s.making = result, request.making
		s.enter(c, m)
	case c.seat == nil:
		s.bounce(c, m, protocol.CodeNotSeated)
	default:
		s.hash = result
		s.setDoor(c, m)
	}
}

// sweepChecks refuses requests that the shell has lost.
func (s *step) sweepChecks() {
	for _, c := range s.conns {
		if h := c.checking; h != nil && s.nowMs >= h.untilMs {
			c.checking = nil
			s.changed(c)
			s.replying(c, h.messageType, h.ref, func() { s.refuse(c, protocol.CodeRoomBusy, "") })
		}
	}
}

// replying carries out what answers an earlier request of a connection.
func (s *step) replying(c *conn, messageType protocol.Type, ref string, reply func()) {
	by, ownType, ownRef := s.by, s.messageType, s.ref
	s.by, s.messageType, s.ref = c, messageType, ref
	reply()
	s.by, s.messageType, s.ref = by, ownType, ownRef
}

// knowsPasscode reports whether the newcomer needs no passcode or has sent the right one. If not,
// it has been answered, or is answered when its passcode is hashed.
func (s *step) knowsPasscode(c *conn, j *join) bool {
	p := s.door.passcode
	switch {
	case p == nil:
		return true
	case s.hash != nil && (s.making || s.hash.Salt != p.salt): // there is another passcode now
		s.refuse(c, protocol.CodeRoomBusy, "")
	case s.hash != nil:
		if subtle.ConstantTimeCompare(s.hash.Digest[:], p.digest[:]) == 1 {
			s.guessedRight(c.address)
			return true
		}
		s.refuse(c, protocol.CodeWrongPasscode, "")
	case j.passcode == nil:
		s.turnAway(c, j, protocol.CodePasscodeRequired)
	case s.mayGuess(c):
		s.askHash(c, j.passcode, &p.salt)
	}
	return false
}

func (p *passcode) append(dst []byte) []byte {
	dst = append(appendUvarint(dst, p.iterations), p.salt[:]...)
	return append(dst, p.digest[:]...)
}

func (in *reader) passcode() *passcode {
	p := &passcode{iterations: in.uvarint()}
	copy(p.salt[:], in.take(SaltBytes))
	copy(p.digest[:], in.take(DigestBytes))
	in.bad = in.bad || p.iterations == 0 || p.iterations > PasscodeIterations
	return p
}
