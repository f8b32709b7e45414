package chaos

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// peopleOfRoom is one for each node.
	peopleOfRoom = 3
	// roomName is the index of the room's own name in numbers; those of its people come before it.
	roomName = peopleOfRoom
)

// numbers are the names of a room's people and of the room. Each name is a number that only grows.
type numbers [peopleOfRoom + 1]int

func numbered(n int) string { return "n-" + strconv.Itoa(n) }

// number is -1 for a name that nobody here gives.
func number(name string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(name, "n-"))
	if err != nil {
		return -1
	}
	return n
}

// room is one room, and what its people asked of it and saw in it.
type room struct {
	id     string
	people [peopleOfRoom]*person
	// violation reports what must not be.
	violation func(format string, args ...any)
	// isPlanned is the campaign's.
	isPlanned *atomic.Bool

	mu sync.Mutex
	// complete is set once everybody has a seat and a role. For whoever has seen that, nothing of
	// it may change any more.
	complete bool
	// asked has the highest numbers that were sent, and shown those that anybody was told of:
	// they are durable.
	asked, shown numbers
	// acknowledged counts the replies to changes. last is when the newest came, and longest the
	// longest time between two since the last mark.
	acknowledged int
	last         time.Time
	longest      time.Duration
}

// user returns the id of a person.
func (r *room) user(index int) string { return fmt.Sprintf("user-%d", index) }

// roles are what the people have once the room is complete.
func (r *room) roles() [peopleOfRoom]string { return [...]string{"HOST", "COHOST", "GUEST"} }

// floor is what whoever asks now must be told at least.
func (r *room) floor() numbers {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shown
}

// ask returns the next number of a name, to be sent.
func (r *room) ask(name int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked[name]++
	return r.asked[name]
}

// mark begins to measure the silence.
func (r *room) mark(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last, r.longest = now, 0
}

// replied notes that a change was acknowledged to whoever asked for it.
func (r *room) replied(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acknowledged++
	r.longest = max(r.longest, now.Sub(r.last))
	r.last = now
}

// silence is the longest time without an acknowledged change since the last mark.
func (r *room) silence(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(r.longest, now.Sub(r.last))
}

// progress is how many changes were acknowledged.
func (r *room) progress() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.acknowledged
}

// look holds a state that a person was told of to all that was seen. Only what was asked for
// after floor was taken has a floor; for everything else it is zero.
func (r *room) look(p *person, how string, s *roomState, floor numbers) {
	r.mu.Lock()
	defer r.mu.Unlock()
	got, seats := s.numbers(r)
	if seats == r.roles() {
		r.complete, p.complete = true, true
	}
	for i := range seats {
		if p.complete && seats[i] != r.roles()[i] {
			r.violation("%s: %s shows %s as %q instead of %s", p, how, r.user(i), seats[i], r.roles()[i])
		}
	}
	if p.complete && s.HostID != r.user(0) {
		r.violation("%s: %s shows %q as host", p, how, s.HostID)
	}
	for name, n := range got {
		switch seen := p.seen[name]; {
		case name < peopleOfRoom && seats[name] == "":
			continue // reported above
		case n < seen:
			r.violation("%s: %s shows number %d of name %d after %d: an older owner after a newer one", p, how, n, name, seen)
		case n < floor[name]:
			r.violation("%s: %s shows number %d of name %d, but %d was shown before it was asked for", p, how, n, name, floor[name])
		case n > r.asked[name]:
			r.violation("%s: %s shows number %d of name %d, but only %d were asked for", p, how, n, name, r.asked[name])
		}
		p.seen[name] = max(p.seen[name], n)
		r.shown[name] = max(r.shown[name], n)
	}
}

// lookInStream holds what is stored at the end to all that anybody was shown.
func (r *room) lookInStream(s *roomState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	got, seats := s.numbers(r)
	if seats != r.roles() || s.HostID != r.user(0) {
		r.violation("%s in the stream has the roles %q and the host %q", r.id, seats, s.HostID)
	}
	for name, n := range got {
		if n < r.shown[name] || n > r.asked[name] {
			r.violation("%s in the stream has number %d of name %d; %d was shown and %d asked for", r.id, n, name, r.shown[name], r.asked[name])
		}
	}
}

// numbers returns the numbers of a state, and each person's role, "" for one without a seat.
func (s *roomState) numbers(r *room) (got numbers, roles [peopleOfRoom]string) {
	got[roomName] = number(s.Name)
	for _, user := range s.Users {
		for i := range roles {
			if user.ID == r.user(i) {
				got[i], roles[i] = number(user.Name), user.Role
			}
		}
	}
	return got, roles
}

// seat notes that a person's new socket has the seat.
func (r *room) seat(p *person) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.visits++
	p.seatedAt, p.awaySince = time.Now(), time.Time{}
}

// markAway notes which sockets have lost their seats: those that had them before a join was sent
// whose reply shows the seats empty. The sockets may not know it yet, but what people say on them
// from now on must reach nobody, and nothing that is said from now on must reach them.
func (r *room) markAway(s *roomState, joining, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, user := range s.Users {
		for _, p := range r.people {
			if user.ID == p.id && !user.IsConnected && p.awaySince.IsZero() && p.seatedAt.Before(joining) {
				p.awaySince = now
			}
		}
	}
}

// late reports whether a frame passed a socket after it had lost its seat.
func (p *person) late(socket int, at time.Time) bool {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	return p.visits == socket && !p.awaySince.IsZero() && at.After(p.awaySince)
}

// position is the newest relayed frame of one sender: which of the sender's sockets and of one's
// own it passed, and its number among them.
type position struct{ theirs, own, number int }

// relayed holds a frame of another person to the ones before it.
func (p *person) relayed(sender int, c *candidate) {
	from, at := p.room.people[sender], time.Unix(0, c.At)
	if from.late(c.Socket, at) || p.late(p.visits, at) {
		p.room.violation("%s: frame %d of user %d passed, and a newer owner had shown one of them as away", p, c.Number, sender)
	}
	before := p.heard[sender]
	p.heard[sender] = position{theirs: c.Socket, own: p.visits, number: c.Number}
	if before.own != p.visits {
		return // what comes first on a socket has nothing before it
	}
	switch {
	case c.Socket < before.theirs:
		p.room.violation("%s: a frame of user %d's socket %d after one of socket %d", p, sender, c.Socket, before.theirs)
	case c.Socket == before.theirs && c.Number != before.number+1:
		p.room.violation("%s: frame %d of user %d follows frame %d, and both stayed connected", p, c.Number, sender, before.number)
	}
}

func (r *room) isComplete() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.complete
}

// everybodyCame reports whether all have been seated at least once.
func (r *room) everybodyCame() bool {
	for _, p := range r.people {
		if p == nil || p.seats.Load() == 0 {
			return false
		}
	}
	return true
}

// knowsAll reports whether this person has seen everybody with a seat and a role.
func (p *person) knowsAll() bool {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	return p.complete
}
