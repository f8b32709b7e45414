package room

import (
	"strconv"

	"usher/protocol"
)

// Check returns the number of the first invariant of the package comment that the room breaks, or
// "" if it breaks none. It is for tests and simulations.
func (r *Room) Check() string {
	for i, holds := range []func() bool{
		r.oneHost, r.distinctSeats, r.oneConnASeat, r.heldSeatsHaveDeadlines, r.parkedHaveNewer,
		r.bounded, r.existsForSeats, r.heldBytesAdd, r.alarmIsSet, r.connsInOrder, r.standingsReported, r.rolesFit, r.bansHold,
		r.knocksFit, r.knockersFit, r.guessesBounded, r.keptHasOwner,
	} {
		if !holds() {
			return "invariant " + strconv.Itoa(i+1)
		}
	}
	return ""
}

func (r *Room) oneHost() bool {
	hosts := 0
	for _, s := range r.seats {
		if s == r.host {
			hosts++
		}
	}
	if len(r.seats) == 0 {
		return r.host == nil
	}
	return hosts == 1
}

func (r *Room) distinctSeats() bool {
	for i, s := range r.seats {
		for _, earlier := range r.seats[:i] {
			if s.id == earlier.id || s.joinedAtMs < earlier.joinedAtMs {
				return false
			}
		}
	}
	return true
}

func (r *Room) oneConnASeat() bool {
	live := 0
	for _, c := range r.conns {
		if c.seat != nil && !c.parked {
			if c.seat.conn != c {
				return false
			}
			live++
		}
	}
	for _, s := range r.seats {
		if s.conn != nil {
			live--
		}
	}
	return live == 0
}

func (r *Room) heldSeatsHaveDeadlines() bool {
	for _, s := range r.seats {
		if (s.conn == nil) != (s.heldUntilMs != 0) || s.conn != nil && s.hold != nil && s.conn.pingDueMs == 0 {
			return false
		}
	}
	return true
}

func (r *Room) parkedHaveNewer() bool {
	for _, c := range r.conns {
		if c.parked && (c.seat == nil || r.expiring(c.seat)) || c.wait != nil && c.seat != nil {
			return false
		}
	}
	return true
}

func (r *Room) bounded() bool {
	for _, s := range r.seats {
		parked := 0
		for _, c := range r.conns {
			if c.seat == s && c.parked {
				parked++
			}
		}
		if parked > maxParked || s.hold != nil && (len(s.hold.frames) > maxHeldFrames || s.hold.bytes > maxHeldBytes) {
			return false
		}
	}
	return len(r.passes) <= MaxPasses && len(r.seats) <= r.config.MaxPeople && len(r.spent) <= maxConns(r.config) &&
		len(r.conns) <= maxConns(r.config) && r.heldBytes <= maxRoomHeldBytes
}

func (r *Room) existsForSeats() bool { return r.Exists() || len(r.seats) == 0 }

func (r *Room) heldBytesAdd() bool {
	sum := 0
	for _, s := range r.seats {
		if s.hold != nil {
			sum += s.hold.bytes
		}
	}
	return sum == r.heldBytes
}

func (r *Room) alarmIsSet() bool {
	next := r.nextMs()
	return next == 0 || r.alarmMs != 0 && r.alarmMs <= next
}

func (r *Room) rolesFit() bool {
	for _, s := range r.seats {
		if s.role >= protocol.Host || s == r.host && s.role != protocol.Guest {
			return false
		}
	}
	return true
}

func (r *Room) bansHold() bool {
	for i := range r.bans {
		b := &r.bans[i]
		if r.seatOf([]byte(b.userID)) != nil {
			return false
		}
		for _, earlier := range r.bans[:i] {
			if earlier.userID == b.userID {
				return false
			}
		}
	}
	return len(r.bans) <= protocol.MaxBans
}

func (r *Room) keptHasOwner() bool {
	return r.stay == nil || r.stay.ms > 0 && r.stay.ownerToken != tokenHash{} && r.Exists()
}

func (r *Room) connsInOrder() bool {
	for i, c := range r.conns {
		if i > 0 && c.id <= r.conns[i-1].id {
			return false
		}
	}
	return true
}

func (r *Room) standingsReported() bool {
	for _, c := range r.conns {
		if c.stands != c.standing() {
			return false
		}
	}
	return true
}

func (r *Room) knocksFit() bool {
	waiting, denied := 0, 0
	for i, k := range r.knocks {
		if k.state == knockDenied {
			denied++
		} else {
			waiting++
		}
		for _, earlier := range r.knocks[:i] {
			if earlier.userID == k.userID {
				return false
			}
		}
		for j := range r.bans {
			if r.bans[j].userID == k.userID {
				return false
			}
		}
		if r.seatOf([]byte(k.userID)) != nil {
			return false
		}
	}
	return waiting <= r.config.MaxKnocks && denied <= r.config.MaxKnocks &&
		(len(r.knocks) == 0 || r.Exists() && r.door.entry == protocol.EntryKnock)
}

func (r *Room) knockersFit() bool {
	for _, c := range r.conns {
		if k := c.knocking; k != nil && (k.state != knockOpen || r.knockOf(k.userID) != k.knock || r.knockerOf(k.knock) != c ||
			c.seat != nil || c.wait != nil) {
			return false
		}
	}
	return true
}

func (r *Room) guessesBounded() bool {
	g := r.guesses
	if g == nil {
		return true
	}
	return len(g.guessers) <= maxGuessers && len(g.entered) <= maxEntered &&
		(r.door.passcode != nil || len(g.guessers)+len(g.entered) == 0)
}
