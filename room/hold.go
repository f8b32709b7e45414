package room

// The bounds of what is kept for held seats. Trickled candidates are a dozen of 0.4 kB for each
// peer, and peers stop offering to a seat that is reported to be away.
const (
	maxHeldFrames    = 128
	maxHeldBytes     = 64 << 10
	maxRoomHeldBytes = 512 << 10
)

// hold is what is kept for a seat that is away.
type hold struct {
	frames [][]byte
	bytes  int
	// lost: something that was sent may be missing, so a return is not recovered.
	lost bool
	// full: there was no space for a frame. Nothing is kept from then on.
	full bool
}

func (h *hold) spoilt() bool { return h != nil && h.lost }

// keep holds the received frame for a seat that is away. If there is no space for it, the frames
// already held are dropped too, and nothing is kept until the return.
func (s *step) keep(seat *seat) bool {
	if seat.hold == nil {
		seat.hold = new(hold)
	}
	h, size := seat.hold, len(s.event.Frame)
	s.saveLater()
	if h.full || len(h.frames) == maxHeldFrames || h.bytes+size > maxHeldBytes || s.heldBytes+size > maxRoomHeldBytes {
		s.release(seat)
		seat.hold = &hold{lost: true, full: true}
		return false
	}
	h.frames = append(h.frames, append([]byte(nil), s.event.Frame...))
	h.bytes += size
	s.heldBytes += size
	return true
}

// release removes and returns what is held for a seat.
func (r *Room) release(seat *seat) [][]byte {
	h := seat.hold
	seat.hold = nil
	if h == nil {
		return nil
	}
	r.heldBytes -= h.bytes
	return h.frames
}
