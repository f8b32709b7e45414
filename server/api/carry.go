package api

import (
	"bytes"
	"encoding/gob"
	"errors"

	"usher/room"
)

// carried are the events that another process goes on with, so that whoever reads them misses none
// and gets none twice. The names are those of the ring.
type carried struct {
	Epoch   string
	Next    uint64
	Entries []carriedEntry
}

type carriedEntry struct {
	RoomID string
	What   *room.Occurrence
}

// AppendEvents appends the events that are kept, for RestoreEvents of another process. Nothing may
// happen meanwhile or later, or it would be missing.
func (a *API) AppendEvents(b []byte) ([]byte, error) {
	r := a.events
	r.mu.Lock()
	defer r.mu.Unlock()
	c := carried{Epoch: r.epoch, Next: r.next}
	for n := max(1, r.next-min(r.next-1, ringSize)); n < r.next; n++ {
		e := &r.entries[n%ringSize]
		c.Entries = append(c.Entries, carriedEntry{e.roomID, e.what})
	}
	out := bytes.NewBuffer(b)
	err := gob.NewEncoder(out).Encode(c)
	return out.Bytes(), err
}

// RestoreEvents goes on with what AppendEvents of another process has returned. It is called before
// anything happens.
func (a *API) RestoreEvents(b []byte) error {
	var c carried
	if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&c); err != nil {
		return err
	}
	first := c.Next - uint64(len(c.Entries))
	if c.Epoch == "" || len(c.Entries) > ringSize || first < 1 || first > c.Next {
		return errors.New("the events are not numbered")
	}
	r := a.events
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epoch, r.next = c.Epoch, c.Next
	for i, e := range c.Entries {
		r.entries[(first+uint64(i))%ringSize] = entry{e.RoomID, e.What}
	}
	return nil
}
