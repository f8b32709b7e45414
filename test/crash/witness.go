package main

import (
	"context"
	"errors"
)

// What clients hear of changes. The first of them who is told of a change has
// it acknowledged; the others are heard as well, so that nothing is left unread.

// hear waits until one user is told of step index.
func (w *worker) hear(ctx context.Context, r *room, index int, c *change, user string) (*frame, error) {
	f, err := r.sockets[user].await(ctx, c.told)
	if err != nil {
		return nil, err
	}
	w.acknowledged(r, index)
	if f.RoomState == nil {
		return f, nil
	}
	if told := f.RoomState.state().String(); told != c.after.String() {
		return nil, wrongf("%s: %s was told %s, expected %s", c.text, user, told, c.after)
	}
	return f, nil
}

// confirm waits until all the witnesses are told of step index. One whose
// socket has died does not keep the others from having been told before.
func (w *worker) confirm(ctx context.Context, r *room, index int, c *change, witnesses []string) error {
	var failed error
	for _, user := range witnesses {
		_, err := w.hear(ctx, r, index, c, user)
		failed = errors.Join(failed, err)
	}
	return failed
}

// goodbye waits for the close with 1000 that acknowledges a LEAVE_ROOM.
func (w *worker) goodbye(ctx context.Context, r *room, index int, user string) error {
	if err := r.sockets[user].awaitClose(ctx); err != nil {
		return err
	}
	r.sockets[user].drop()
	delete(r.sockets, user)
	w.acknowledged(r, index)
	return nil
}

// tell waits until the users are told of something that need not be stored.
func (w *worker) tell(ctx context.Context, r *room, users []string, what func(*frame) bool) error {
	for _, user := range users {
		if _, err := r.sockets[user].await(ctx, what); err != nil {
			return err
		}
	}
	return nil
}

// look asks GET /rooms/{id} while changes are under way: what anybody can see must be durable, too.
func (w *worker) look(ctx context.Context, r *room) error {
	if !w.tally.reads || w.random.IntN(4) > 0 {
		return nil
	}
	seen, err := w.get(ctx, r)
	if err != nil {
		return err
	}
	// Several states may look alike from outside; the oldest of them is what is proven.
	for i := r.history.acknowledged; i < len(r.steps); i++ {
		if seen.fits(r.steps[i].after) {
			w.acknowledged(r, i)
			return nil
		}
	}
	return wrongf("GET shows %s, which nobody asked for", seen)
}

func (w *worker) acknowledged(r *room, index int) { w.tally.acknowledge(r.history.acknowledge(index)) }
