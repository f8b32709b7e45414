package main

import (
	"fmt"
	"slices"
	"strings"
)

// state is what a room must keep over a crash, as far as participants can see
// it. Methods that change it return a changed copy.
type state struct {
	exists           bool
	name, mode, host string
	seats            []seat // in the order of joining
}

type seat struct{ id, name string }

const (
	hostOnly   = "HOST_ONLY"
	freeForAll = "FREE_FOR_ALL"
)

// String is the whole state: two states are the same if their strings are.
func (s state) String() string {
	if !s.exists {
		return "no room"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%q %s host %s:", s.name, s.mode, s.host)
	for _, seat := range s.seats {
		fmt.Fprintf(&b, " %s=%q", seat.id, seat.name)
	}
	return b.String()
}

func (s state) seatOf(user string) int {
	return slices.IndexFunc(s.seats, func(seat seat) bool { return seat.id == user })
}

func (s state) created(roomName, user, userName string) state {
	return state{exists: true, name: roomName, mode: hostOnly, host: user, seats: []seat{{user, userName}}}
}

func (s state) joined(user, userName string) state {
	s.seats = append(slices.Clone(s.seats), seat{user, userName})
	return s
}

// left takes a seat away. The role of a host who leaves goes to the first of
// the others who is connected, or else to the first.
func (s state) left(user string, connected func(user string) bool) state {
	i := s.seatOf(user)
	s.seats = slices.Delete(slices.Clone(s.seats), i, i+1)
	if len(s.seats) == 0 {
		return state{}
	}
	if s.host == user {
		next := max(0, slices.IndexFunc(s.seats, func(seat seat) bool { return connected(seat.id) }))
		s.host = s.seats[next].id
	}
	return s
}

func (s state) renamed(roomName string) state {
	s.name = roomName
	return s
}

func (s state) userRenamed(user, userName string) state {
	s.seats = slices.Clone(s.seats)
	s.seats[s.seatOf(user)].name = userName
	return s
}

func (s state) modeChanged() state {
	if s.mode == hostOnly {
		s.mode = freeForAll
	} else {
		s.mode = hostOnly
	}
	return s
}

func (s state) transferred(user string) state {
	s.host = user
	return s
}
