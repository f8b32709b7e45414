package room

import (
	"slices"
	"strconv"

	"usher/protocol"
)

const (
	// freeGuesses wrong passcodes of an address cost nothing: people mistype. Each further one
	// doubles the address's delay, from 1 s to maxDelayMs; forgetMs after the last one all are
	// forgotten.
	freeGuesses = 5
	maxDelayMs  = 15 * 60_000
	forgetMs    = 30 * 60_000
	// The room's own delay begins when many have guessed wrong, and stays short: it is for those
	// who have many addresses, and must keep nobody out who knows the passcode.
	roomFreeGuesses = 20
	maxRoomDelayMs  = 2_000
	roomForgetMs    = 60_000
	// maxGuessers and maxEntered bound the addresses that a room remembers.
	maxGuessers = 256
	maxEntered  = protocol.MaxRoomPeople
)

// guesses slow down whoever tries out passcodes. A guess counts as wrong until it has proved right,
// so that many at once are no cheaper.
type guesses struct {
	guessers []guesser
	// all are the guesses of addresses that nobody in the room has or had.
	all guesser
	// entered are addresses that had a seat, the latest last.
	entered []uint64
}

// guesser is an address, and the wrong passcodes that came from it.
type guesser struct {
	address uint64
	wrong   uint64
	lastMs  int64
}

// delay is a rule for guessers.
type delay struct {
	free                       uint64
	firstMs, longestMs, keepMs int64
}

var (
	addressDelay = delay{freeGuesses, 1_000, maxDelayMs, forgetMs}
	roomDelay    = delay{roomFreeGuesses, 125, maxRoomDelayMs, roomForgetMs}
)

// waitMs is how long the guesser still has to wait.
func (d *delay) waitMs(g *guesser, nowMs int64) int64 {
	sinceMs := max(nowMs-g.lastMs, 0)
	if g.wrong < d.free || sinceMs >= d.keepMs {
		return 0
	}
	return max(min(d.firstMs<<min(g.wrong-d.free, 20), d.longestMs)-sinceMs, 0)
}

// guess counts one more.
func (d *delay) guess(g *guesser, nowMs int64) {
	if nowMs-g.lastMs >= d.keepMs {
		g.wrong = 0
	}
	g.wrong++
	g.lastMs = nowMs
}

// guessed returns the room's guesses, to be changed.
func (r *Room) guessed() *guesses {
	if r.guesses == nil {
		r.guesses = new(guesses)
	}
	return r.guesses
}

// mayGuess reports whether a passcode from the connection's address is looked at now.
func (s *step) mayGuess(c *conn) bool {
	g := s.guesserOf(c.address)
	if waitMs := addressDelay.waitMs(g, s.nowMs); waitMs > 0 {
		s.refuseGuess(c, waitMs)
		return false
	}
	s.saveLater()
	addressDelay.guess(g, s.nowMs)
	if s.hasEntered(c.address) {
		return true
	}
	// A guess that only the room's delay refuses has counted for its address, so that those who
	// send most of them are soon delayed for longer and leave the room to others.
	all := &s.guessed().all
	if waitMs := roomDelay.waitMs(all, s.nowMs); waitMs > 0 {
		s.refuseGuess(c, waitMs)
		return false
	}
	roomDelay.guess(all, s.nowMs)
	return true
}

func (s *step) refuseGuess(c *conn, waitMs int64) {
	s.refuse(c, protocol.CodeTooManyAttempts, "wait "+strconv.FormatInt((waitMs+999)/1000, 10)+" s")
}

// guessedRight forgets what was counted for an address.
func (s *step) guessedRight(address uint64) {
	s.saveLater()
	known := s.guessed()
	known.guessers = slices.DeleteFunc(known.guessers, func(g guesser) bool { return g.address == address })
	if all := &known.all; all.wrong > 0 && !s.hasEntered(address) {
		all.wrong--
	}
}

// guesserOf returns the entry of an address. If there are too many, the one goes that has guessed
// least.
func (s *step) guesserOf(address uint64) *guesser {
	list, least := s.guessed().guessers, 0
	for i := range list {
		if list[i].address == address {
			return &list[i]
		}
		if a, b := &list[i], &list[least]; a.wrong < b.wrong || a.wrong == b.wrong && a.lastMs < b.lastMs {
			least = i
		}
	}
	if len(list) < maxGuessers {
		list, least = append(list, guesser{}), len(list)
	}
	list[least] = guesser{address: address, lastMs: s.nowMs}
	s.guesses.guessers = list
	return &list[least]
}

// hasEntered reports whether a seat has or had the address.
func (r *Room) hasEntered(address uint64) bool {
	for _, seat := range r.seats {
		if seat.address == address {
			return true
		}
	}
	return r.guesses != nil && slices.Contains(r.guesses.entered, address)
}

// rememberEntered notes the address of a seat that ends or moves, if that will matter.
func (r *Room) rememberEntered(address uint64) {
	if r.door.passcode == nil {
		return
	}
	known := r.guessed()
	if slices.Contains(known.entered, address) {
		return
	}
	if n := len(known.entered); n >= maxEntered {
		known.entered = slices.Delete(known.entered, 0, n-maxEntered+1)
	}
	known.entered = append(known.entered, address)
}

func (g *guesses) append(dst []byte) []byte {
	if g == nil {
		g = new(guesses)
	}
	dst = g.all.append(dst)
	dst = appendUvarint(dst, uint64(len(g.guessers)))
	for i := range g.guessers {
		dst = g.guessers[i].append(dst)
	}
	dst = appendUvarint(dst, uint64(len(g.entered)))
	for _, address := range g.entered {
		dst = appendUint64(dst, address)
	}
	return dst
}

func (g *guesser) append(dst []byte) []byte {
	return appendVarint(appendUvarint(appendUint64(dst, g.address), g.wrong), g.lastMs)
}

func (in *reader) guesses() *guesses {
	g := new(guesses)
	g.all = in.guesser()
	for range in.uvarint() {
		if g.guessers = append(g.guessers, in.guesser()); in.bad {
			return g
		}
	}
	for range in.uvarint() {
		if g.entered = append(g.entered, in.uint64()); in.bad {
			return g
		}
	}
	in.bad = in.bad || len(g.guessers) > maxGuessers || len(g.entered) > maxEntered
	return g
}

func (in *reader) guesser() guesser {
	return guesser{address: in.uint64(), wrong: in.uvarint(), lastMs: in.varint()}
}
