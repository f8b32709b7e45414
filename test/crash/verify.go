package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// seen is the response of GET /rooms/{id}, nil for 404.
type seen struct {
	Name        string `json:"name"`
	ControlMode string `json:"controlMode"`
	People      int    `json:"people"`
}

func (s *seen) String() string {
	if s == nil {
		return "no room (404)"
	}
	return fmt.Sprintf("%q %s with %d people", s.Name, s.ControlMode, s.People)
}

func (s *seen) fits(state state) bool {
	if s == nil || !state.exists {
		return s == nil && !state.exists
	}
	return s.Name == state.name && s.ControlMode == state.mode && s.People == len(state.seats)
}

func (w *worker) get(ctx context.Context, r *room) (*seen, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.address+"/rooms/"+r.id, nil)
	if err != nil {
		return nil, err
	}
	response, err := w.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	switch response.StatusCode {
	case http.StatusNotFound:
		return nil, nil
	case http.StatusOK:
		s := new(seen)
		return s, json.Unmarshal(body, s)
	}
	return nil, wrongf("GET: status %d, %.200q", response.StatusCode, body)
}

// verify checks every room of the worker after a restart, and takes back all the seats. It returns
// every loss that it finds; what is found is what is expected from now on.
func (w *worker) verify(ctx context.Context) error {
	var failed error
	for _, r := range w.all() {
		if err := w.verifyRoom(ctx, r); err != nil {
			var lost *lost
			if errors.As(err, &lost) {
				w.tally.lost.Add(int64(max(1, len(lost.changes))))
			} else {
				err = fmt.Errorf("room %s: %w", r.id, err)
			}
			failed = errors.Join(failed, err)
		}
	}
	w.ended = nil
	w.retire()
	return failed
}

func (w *worker) verifyRoom(ctx context.Context, r *room) error {
	found, err := w.find(ctx, r)
	if err != nil {
		w.tally.judged(r, -1)
		return err
	}
	for i, step := range r.steps[r.history.acknowledged:] {
		if step.after.String() == found.String() {
			w.tally.judged(r, i)
			break
		}
	}
	r.settle(found)
	return w.returnAll(ctx, r)
}

// find returns the state that the room is in, if that is a possible one.
func (w *worker) find(ctx context.Context, r *room) (state, error) {
	outside, err := w.get(ctx, r)
	if err != nil {
		return state{}, err
	}
	fitting, err := r.judge(r.id, outside.String(), outside.fits)
	if err != nil {
		return state{}, err
	}
	// A retired room is left untouched: that it stays without anybody coming back is verified too.
	user := r.insider(fitting)
	if user == "" || w.isRetired(r) {
		return fitting[0], nil
	}
	inside, err := w.resume(ctx, r, user)
	if err != nil {
		return state{}, r.seatLost(user, err)
	}
	_, err = r.judge(r.id, inside.String(), func(s state) bool { return s.String() == inside.String() && outside.fits(s) })
	return inside, err
}

// seatLost distinguishes a refused seat from a server that does not respond.
func (r *room) seatLost(user string, err error) error {
	var wrong *wrong
	if !errors.As(err, &wrong) {
		return err
	}
	return &lost{room: r.id, expected: "the seat of " + user, found: wrong.what, changes: r.since(0)}
}

// insider returns somebody with a token who has a seat in each of the states, or "".
func (r *room) insider(states []state) string {
	for _, seat := range states[0].seats {
		everywhere := r.tokens[seat.id] != ""
		for _, s := range states {
			everywhere = everywhere && s.seatOf(seat.id) >= 0
		}
		if everywhere {
			return seat.id
		}
	}
	return ""
}

// returnAll resumes the seats that are left, so that each token is verified.
func (w *worker) returnAll(ctx context.Context, r *room) error {
	if w.isRetired(r) {
		return nil
	}
	for _, user := range r.away() {
		if _, err := w.resume(ctx, r, user); err != nil {
			return r.seatLost(user, err)
		}
	}
	w.tally.resumed(len(r.sockets))
	return nil
}

func (w *worker) isRetired(r *room) bool { return slices.Contains(w.retired, r) }

// retire replaces rooms that ghosts make useless.
func (w *worker) retire() {
	for _, r := range w.rooms() {
		if r.haunted() {
			w.replace(r)
		}
	}
	if extra := len(w.retired) - maxRetired; extra > 0 {
		w.retired = w.retired[extra:]
	}
}

func (w *worker) replace(r *room) {
	r.hangUp()
	w.retired = append(w.retired, r)
	if r == w.lasting {
		w.lasting = newRoom(w.newID("room"))
	} else {
		w.brief = newRoom(w.newID("room"))
	}
}
