package edge

import "time"

// addressShare is how long a poller serves the sockets of one address before it serves those of all
// others. It is a few slices; if an address has more to send, that is read in the next rounds,
// which follow at once.
const addressShare = 250 * time.Microsecond

// maxSliceFrames and maxSliceTime bound what is read from one connection before the others are
// read. Most reads bring a frame or two.
const (
	maxSliceFrames = 4
	maxSliceTime   = 100 * time.Microsecond
)

// mayServe reports whether the address has something left of its share of a round. A nil source has
// no limits.
func (s *source) mayServe(round uint32) bool {
	if s == nil {
		return true
	}
	share := s.share.Load()
	return uint32(share>>32) != round || time.Duration(uint32(share)) < addressShare
}

// lockSlice waits until no other socket of the address that has no poller is being read, so that an
// address with many of them keeps one core busy and not all.
func (s *source) lockSlice() {
	if s != nil {
		s.reading.Lock()
	}
}

func (s *source) unlockSlice() {
	if s != nil {
		s.reading.Unlock()
	}
}

// served records how long a slice took. Rounds of several pollers may overwrite each other here,
// which is harmless: an address then has a little more.
func (s *source) served(round uint32, took time.Duration) {
	share := s.share.Load()
	if uint32(share>>32) == round {
		took += time.Duration(uint32(share))
	}
	s.share.Store(uint64(round)<<32 | uint64(min(took, time.Second)))
}
