package main

import "fmt"

// history is what was asked of one room since its state was last verified.
//
// A room's changes are asked over one socket at a time, so the server takes them in that
// order and a stored state is one of these states or none of them.
type history struct {
	// steps begins with the state found by the last verification; each
	// further one is a change and the state after it.
	steps []step
	// acknowledged is the index of the newest step that a client was told of.
	acknowledged int
}

type step struct {
	change string
	after  state
}

func newHistory(found state) history { return history{steps: []step{{after: found}}} }

// now is the state when everything asked has come true.
func (h *history) now() state { return h.steps[len(h.steps)-1].after }

// ask notes a change before it is sent, and returns its index.
func (h *history) ask(change string, after state) int {
	h.steps = append(h.steps, step{change, after})
	return len(h.steps) - 1
}

// acknowledge records that a client was told about step i, which also proves the steps before it.
// It returns how many of these are new.
func (h *history) acknowledge(i int) int {
	anew := max(0, i-h.acknowledged)
	h.acknowledged += anew
	return anew
}

// possible are the states that the room may be in after a crash: the
// acknowledged one, and one for each change asked after it.
func (h *history) possible() []state {
	var states []state
	for _, step := range h.steps[h.acknowledged:] {
		states = append(states, step.after)
	}
	return states
}

// doubt is how many changes were asked and not acknowledged.
func (h *history) doubt() int { return len(h.steps) - 1 - h.acknowledged }

// since are the acknowledged changes after step i.
func (h *history) since(i int) (changes []string) {
	for _, step := range h.steps[i+1 : h.acknowledged+1] {
		changes = append(changes, step.change)
	}
	return changes
}

// lost is a room that was found in a state it must not be in.
type lost struct {
	room            string
	expected, found string
	// changes are the acknowledged ones that are missing; none if that cannot be determined.
	changes []string
}

func (l *lost) Error() string {
	missing := "cannot be told from what is left"
	if len(l.changes) > 0 {
		missing = fmt.Sprintf("%q", l.changes)
	}
	return fmt.Sprintf("room %s\n  lost:     %s\n  expected: %s\n  found:    %s", l.room, missing, l.expected, l.found)
}

// judge returns the possible states that fit what was found, or what was lost.
func (h *history) judge(room, found string, fits func(state) bool) ([]state, error) {
	var fitting []state
	for _, s := range h.possible() {
		if fits(s) {
			fitting = append(fitting, s)
		}
	}
	if len(fitting) > 0 {
		return fitting, nil
	}
	l := &lost{room: room, found: found}
	for i, s := range h.possible() {
		if i > 0 {
			l.expected += "\n        or: "
		}
		l.expected += s.String()
	}
	// The newest earlier state that fits tells which changes are missing.
	for i := h.acknowledged - 1; i >= 0; i-- {
		if fits(h.steps[i].after) {
			l.changes = h.since(i)
			break
		}
	}
	return nil, l
}
