package main

import (
	"errors"
	"slices"
	"testing"
)

// renames is a room that exists and was asked for the names, of which the first few were
// acknowledged.
func renames(acknowledged int, names ...string) history {
	s := state{}.created("first", "u1", "n1")
	h := newHistory(s)
	for _, name := range names {
		s = s.renamed(name)
		h.ask(name, s)
	}
	h.acknowledge(acknowledged)
	return h
}

func judgeName(h history, name string) error {
	_, err := h.judge("room", name, func(s state) bool { return s.name == name })
	return err
}

func TestChangeInDoubtMayBeThereOrNot(t *testing.T) {
	h := renames(1, "a", "b", "c")
	for _, name := range []string{"a", "b", "c"} {
		if err := judgeName(h, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if h.doubt() != 2 {
		t.Errorf("%d in doubt", h.doubt())
	}
}

func TestAcknowledgedChangeMustBeThere(t *testing.T) {
	h := renames(2, "a", "b", "c")
	for name, want := range map[string][]string{"first": {"a", "b"}, "a": {"b"}} {
		var lost *lost
		if err := judgeName(h, name); !errors.As(err, &lost) || !slices.Equal(lost.changes, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNothingElseMayBeThere(t *testing.T) {
	var lost *lost
	if err := judgeName(renames(2, "a", "b", "c"), "d"); !errors.As(err, &lost) || lost.changes != nil {
		t.Error(err)
	}
}

func TestAcknowledgementProvesWhatWasAskedBefore(t *testing.T) {
	h := renames(0, "a", "b", "c")
	for _, c := range []struct{ step, anew int }{{2, 2}, {1, 0}, {2, 0}, {3, 1}} {
		if anew := h.acknowledge(c.step); anew != c.anew {
			t.Errorf("step %d: %d more", c.step, anew)
		}
	}
}

func TestRoleGoesToTheFirstWhoIsConnected(t *testing.T) {
	s := state{}.created("room", "u1", "n1").joined("u2", "n2").joined("u3", "n3")
	is := func(users ...string) func(string) bool {
		return func(user string) bool { return slices.Contains(users, user) }
	}
	for _, c := range []struct {
		leaves string
		is     func(string) bool
		host   string
	}{{"u1", is("u3"), "u3"}, {"u1", is(), "u2"}, {"u2", is("u3"), "u1"}} {
		if got := s.left(c.leaves, c.is); got.host != c.host || len(got.seats) != 2 || len(s.seats) != 3 {
			t.Errorf("%s leaves: %s", c.leaves, got)
		}
	}
}
