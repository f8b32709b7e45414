package rooms

import (
	"fmt"

	"usher/flight"
	"usher/room"
)

// stepRoom steps the room and records that.
func (l *liveRoom) stepRoom(w *work, nowMs int64, event *room.Event) {
	w.steppingMs = nowMs
	if flights := l.rooms.config.Flights; flights != nil {
		l.flight = l.flight.Before(flights, l.room, nowMs, event)
		if l.flight != nil && !l.recorded {
			l.recorded = true
			l.rooms.recorded.add(l)
		}
	}
	w.effects = l.room.Step(nowMs, *event, w.effects[:0])
	w.steppingMs = 0
	l.flight.After(nowMs, event, w.effects)
}

// forgetQuietFlights forgets what is recorded of rooms in which nothing happens.
func (r *Rooms) forgetQuietFlights() {
	for _, l := range r.recorded.take() {
		l.forgetFlightIfQuiet(r.Now().Ms)
	}
}

func (l *liveRoom) forgetFlightIfQuiet(nowMs int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flight = l.flight.ForgetIfQuiet(nowMs)
	if l.recorded = l.flight != nil; l.recorded {
		l.rooms.recorded.add(l)
	}
}

// dumpGivenUp hands on what happened before the room was given up.
func (l *liveRoom) dumpGivenUp(cause string) {
	if l.flight == nil || l.rooms.config.GivenUp == nil {
		return
	}
	dump, err := l.dump(cause)
	if err != nil {
		l.rooms.log.Error("what happened in a room could not be dumped", "error", err)
		return
	}
	l.rooms.config.GivenUp(dump)
}

// dump returns what was recorded. The recorder must not make a defect worse.
func (l *liveRoom) dump(cause string) (dump []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("rooms: %v", v)
		}
	}()
	r := l.rooms
	header := flight.Header{Version: r.config.Version, Cause: cause, AtMs: r.config.Clock.Now().Ms, RoomID: l.id}
	return l.flight.Dump(header, &r.config.Room)
}
