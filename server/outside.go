package server

import (
	"crypto/rand"
	"time"

	"usher/protocol"
)

// outside is what rooms need and the core may not fetch itself: time and chance.
// New sets the real ones; a test that replays a trace sets its own before Run.
type outside struct {
	// nowMs is the clock of all rooms.
	nowMs func() int64
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

func (s *Server) realOutside() outside {
	return outside{
		// It goes on from the time at the start whatever the system's clock is
		// set to, or everybody would be thrown out as idle.
		nowMs:     func() int64 { return s.startedMs + time.Since(s.started).Milliseconds() },
		afterFunc: func(after time.Duration, do func()) timer { return time.AfterFunc(after, do) },
		secret: func() (secret [protocol.TokenBytes]byte) {
			_, _ = rand.Read(secret[:]) // never fails
			return secret
		},
	}
}
