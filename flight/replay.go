package flight

import (
	"fmt"
	"reflect"

	"usher/room"
)

// Replayed is an entry of a recording and what the room does now.
type Replayed struct {
	Entry
	// Now are the effects of this program's core, and Differs is set if they are others.
	Now     []Effect `json:"now,omitzero"`
	Differs bool     `json:"differs,omitzero"`
	// PanicsNow is set if the core does not return, and Panic is what it says.
	PanicsNow bool   `json:"panicsNow,omitzero"`
	Panic     string `json:"panic,omitzero"`
}

// Replay steps the room of a recording. It ends at the first event at which the core panics.
func Replay(rec *Recording) ([]Replayed, error) {
	config := rec.Header.Config
	at, err := start(&rec.Header, &config)
	if err != nil {
		return nil, fmt.Errorf("flight: the recording cannot be started: %w", err)
	}
	list := make([]Replayed, 0, len(rec.Entries))
	for _, e := range rec.Entries {
		now := Replayed{Entry: e}
		now.step(at)
		now.Differs = now.PanicsNow != e.Panicked || !reflect.DeepEqual(now.Now, e.effects())
		list = append(list, now)
		if now.PanicsNow || e.Panicked {
			break
		}
	}
	return list, nil
}

func start(h *Header, config *room.Config) (at *room.Room, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%v", v)
		}
	}()
	return h.Start.Room(config, h.RoomID)
}

// effects are what the core must have done: a relay is recorded in short.
func (e *Entry) effects() []Effect {
	if e.Kind == relayed {
		return []Effect{{Do: deeds[room.Forward], To: e.Effects[0].To}}
	}
	return e.Effects
}

func (now *Replayed) step(at *room.Room) {
	defer func() {
		if v := recover(); v != nil {
			now.PanicsNow, now.Panic, now.Now = true, fmt.Sprint(v), nil
		}
	}()
	now.Now = effectsOf(at.Step(now.AtMs, now.event(at), nil))
}

// Difference returns the index of the first entry that differs, -1 if none does.
func Difference(list []Replayed) int {
	for i := range list {
		if list[i].Differs {
			return i
		}
	}
	return -1
}
