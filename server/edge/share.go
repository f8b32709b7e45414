package edge

import "time"

// addressShare is how long a poller serves the sockets of one address before those of all others have their turns. It
// is a few turns; an address that has more to send has it read in the next rounds, which follow at once.
const addressShare = 250 * time.Microsecond

// mayServe reports whether the address has something left of its share of a round. A nil source has no bounds.
func (s *source) mayServe(round uint32) bool {
	if s == nil {
		return true
	}
	share := s.share.Load()
	return uint32(share>>32) != round || time.Duration(uint32(share)) < addressShare
}

// lockSlice waits until no other socket of the address is read that has no poller, so that an address with
// many of them keeps one core busy and not all.
func (s *source) lockSlice() {
	if s != nil {
		s.turn.Lock()
	}
}

func (s *source) unlockSlice() {
	if s != nil {
		s.turn.Unlock()
	}
}

// served notes that a turn has taken some time. Rounds of several pollers may take each other's place here, which does
// no harm: an address then has a little more.
func (s *source) served(round uint32, took time.Duration) {
	share := s.share.Load()
	if uint32(share>>32) == round {
		took += time.Duration(uint32(share))
	}
	s.share.Store(uint64(round)<<32 | uint64(min(took, time.Second)))
}
