package server

import (
	"crypto/rand"
	"time"

	"usher/protocol"
)

// outside is what rooms need and the core may not fetch itself: time and chance.
// New sets the real ones; a test that replays a trace sets its own before Run.
type outside struct {
	// now is the clock of all rooms.
	now func() moment
	// afterFunc is time.AfterFunc by that clock, for deadlines of rooms.
	afterFunc func(time.Duration, func()) timer
	// secret draws what becomes the resume token of a connection's seat.
	secret func() [protocol.TokenBytes]byte
}

// timer is what is used of a *time.Timer.
type timer interface {
	Stop() bool
	Reset(time.Duration) bool
}

// nowMs is the time since 1970 by the clock of all rooms.
func (s *Server) nowMs() int64 { return s.now().ms }

func (s *Server) realOutside() outside {
	return outside{
		now:       s.clock.now,
		afterFunc: func(after time.Duration, do func()) timer { return time.AfterFunc(after, do) },
		secret: func() (secret [protocol.TokenBytes]byte) {
			_, _ = rand.Read(secret[:]) // never fails
			return secret
		},
	}
}
