package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"

	"usher/protocol"
)

const (
	maxSeats = 6
	// maxBurst bounds the changes that one participant asks without waiting for
	// replies, so that several commits of one room are under way at once.
	maxBurst = 4
	// maxRetired bounds the rooms that are kept only for GET.
	maxRetired = 8
)

// worker owns some rooms: nobody else changes them, so it knows what they must be.
type worker struct {
	number int
	random *rand.Rand
	tally  *tally
	http   *http.Client
	// address is the server's of this round.
	address string
	// lasting outlives the rounds; brief ends now and then, and its id is used again.
	lasting, brief *room
	// ended must be gone after the next crash; nobody changes retired ones any more.
	ended, retired []*room
	// serial makes ids and names that were never used before.
	serial int
}

func newWorker(number int, seed uint64, tally *tally) *worker {
	w := &worker{number: number, random: rand.New(rand.NewPCG(seed, uint64(number))), tally: tally}
	w.lasting, w.brief = newRoom(w.newID("room")), newRoom(w.newID("room"))
	return w
}

func (w *worker) newID(what string) string {
	w.serial++
	return fmt.Sprintf("%s-%d-%d", what, w.number, w.serial)
}

// rooms are those that can be changed.
func (w *worker) rooms() []*room { return []*room{w.lasting, w.brief} }

// all are the rooms of which anything is expected.
func (w *worker) all() []*room {
	return append(append(w.rooms(), w.ended...), w.retired...)
}

// load changes rooms until something fails, which it returns. When the server
// is killed that is a socket's error.
func (w *worker) load(ctx context.Context) error {
	for {
		r := w.lasting
		if w.random.IntN(2) == 0 {
			r = w.brief
		}
		if err := w.act(ctx, r); err != nil {
			return fmt.Errorf("room %s: %w", r.id, err)
		}
	}
}

// act does one thing that is possible in the room.
func (w *worker) act(ctx context.Context, r *room) error {
	present, away, seats := r.present(), r.away(), len(r.now().seats)
	dice := w.random.IntN(20)
	switch {
	case seats == 0:
		return w.create(ctx, r)
	case len(present)+len(away) == 0: // only ghosts
		w.replace(r)
		return nil
	case len(present) == 0 || dice < 2 && len(away) > 0:
		_, err := w.resume(ctx, r, pick(w.random, away))
		return err
	case dice < 5 && seats < maxSeats:
		return w.enter(ctx, r)
	case dice < 7 && len(present) > 1:
		return w.drop(ctx, r, pick(w.random, present))
	case dice < 8 && len(present) > 1:
		return w.closeNormally(ctx, r, pick(w.random, present))
	}
	return w.burst(ctx, r, pick(w.random, present))
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

// create makes the room, half of the time under a new id if the old room has ended.
func (w *worker) create(ctx context.Context, r *room) error {
	if r == w.brief && len(r.steps) > 1 && w.random.IntN(2) == 0 {
		w.ended = append(w.ended, r)
		w.brief = newRoom(w.newID("room"))
		r = w.brief
	}
	return w.enter(ctx, r)
}

// enter seats somebody new.
func (w *worker) enter(ctx context.Context, r *room) error {
	s, err := dial(ctx, w.http, w.address, r.id)
	if err != nil {
		return err
	}
	user := w.newID("user")
	c := r.enter(user, w.newID("n"))
	before := r.present()
	r.sockets[user] = s
	index := r.ask(c.text, c.after)
	if err := s.send(ctx, c.message); err != nil {
		return err
	}
	reply, err := w.hear(ctx, r, index, &c, user)
	if reply != nil && reply.ResumeToken != "" {
		r.tokens[user] = reply.ResumeToken
	}
	return errors.Join(err, w.confirm(ctx, r, index, &c, before))
}

// burst asks for several changes by one participant, and then waits for the replies.
func (w *worker) burst(ctx context.Context, r *room, actor string) error {
	witnesses := others(r.present(), actor)
	changes := w.plan(r, actor, witnesses)
	first := len(r.steps)
	for _, c := range changes {
		r.ask(c.text, c.after)
	}
	var failed error
	for _, c := range changes {
		failed = errors.Join(failed, r.sockets[actor].send(ctx, c.message))
	}
	failed = errors.Join(failed, w.look(ctx, r))
	// Whatever failed, replies that came before it count.
	for i, c := range changes {
		switch {
		case c.closes:
			failed = errors.Join(failed, w.goodbye(ctx, r, first+i, actor))
		case !c.silent:
			failed = errors.Join(failed, w.confirm(ctx, r, first+i, &c, []string{actor}))
		}
		isNamedAgain := func(later change) bool { return c.named != "" && later.named == c.named }
		if !slices.ContainsFunc(changes[i+1:], isNamedAgain) {
			failed = errors.Join(failed, w.confirm(ctx, r, first+i, &c, witnesses))
		}
	}
	return failed
}

// plan makes up what a burst asks.
func (w *worker) plan(r *room, actor string, witnesses []string) (changes []change) {
	s := r.now()
	for n := 1 + w.random.IntN(maxBurst); n > 0; n-- {
		c := r.renameUser(s, actor, w.newID("n"))
		kind := w.random.IntN(12)
		mayLeave := r != w.lasting || len(witnesses) > 0
		switch host := s.host == actor; {
		case kind < 2 && mayLeave:
			return append(changes, r.leave(s, actor))
		case kind < 6 && host:
			c = r.renameRoom(s, actor, w.newID("n"))
		case kind < 8 && host && len(witnesses) > 0:
			c = r.changeMode(s, actor)
		case kind < 9 && host && len(witnesses) > 0:
			c = r.transfer(s, actor, pick(w.random, witnesses))
		}
		changes, s = append(changes, c), c.after
	}
	return changes
}

// closeNormally ends a seat by closing with 1000. The others are told; the reply to
// the close frame is only the WebSocket's and acknowledges nothing.
func (w *worker) closeNormally(ctx context.Context, r *room, user string) error {
	c := r.leave(r.now(), user)
	index := r.ask("close with 1000 by "+user, c.after)
	s := r.sockets[user]
	delete(r.sockets, user)
	err := s.leave()
	return errors.Join(err, w.confirm(ctx, r, index, &c, r.present()))
}

// drop lets a socket die. The others are told, but nothing needs to be stored.
func (w *worker) drop(ctx context.Context, r *room, user string) error {
	r.sockets[user].drop()
	delete(r.sockets, user)
	return w.tell(ctx, r, r.present(), func(f *frame) bool { return f.Type == "USER_DISCONNECTED" && f.LeftUserID == user })
}

// resume takes a seat back by its token.
func (w *worker) resume(ctx context.Context, r *room, user string) (state, error) {
	s, err := dial(ctx, w.http, w.address, r.id)
	if err != nil {
		return state{}, err
	}
	present := r.present()
	r.sockets[user] = s
	if err := s.send(ctx, protocol.JoinRoomMessage{
		BaseSignalingMessage: r.base(user), UserName: "unused", ResumeToken: r.tokens[user], Protocol: protocol.Version,
	}); err != nil {
		return state{}, err
	}
	reply, err := s.await(ctx, func(f *frame) bool { return f.Type == "ROOM_JOINED" })
	switch {
	case err != nil:
		return state{}, err
	case reply.RoomState == nil:
		return state{}, wrongf("ROOM_JOINED without roomState")
	case !reply.Resumed:
		return state{}, wrongf("resumed false, and %s", reply.RoomState.state())
	}
	err = w.tell(ctx, r, present, func(f *frame) bool { return f.Type == "USER_RECONNECTED" && f.ReconnectedUserID == user })
	return reply.RoomState.state(), err
}
