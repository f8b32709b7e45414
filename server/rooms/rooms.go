package rooms

import (
	"context"
	"log/slog"
	"time"

	"usher/protocol"
	"usher/room"
)

// saveLaterEvery is how much of playback positions and held frames a crash may lose.
const saveLaterEvery = 5 * time.Second

// describeTimeout bounds the wait for what is known about a room to be stored.
const describeTimeout = 5 * time.Second

// New takes stock of the store: it removes what has expired and counts the rooms of each address.
func New(config Config) (*Rooms, error) {
	if config.Hasher == nil {
		config.Hasher = NewHasher()
	}
	r := &Rooms{
		config: config, store: config.Store, metrics: config.Metrics, log: config.Log,
		debug:    config.Log.Enabled(context.Background(), slog.LevelDebug),
		registry: registry{m: make(map[string]*liveRoom)},
		limit:    newLimiter(config.MaxPerAddress, config.Log), verifying: make(chan struct{}, maxVerifying),
	}
	r.renewals.config = &r.config
	if config.List {
		r.listing = new(listing)
	}
	if config.Owner != nil {
		return r, nil // it owns nothing yet
	}
	if err := r.takeStock(context.Background()); err != nil {
		return nil, err
	}
	return r, nil
}

// Run stores what may be stored later and ends rooms that nobody comes back to, until ctx is done.
func (r *Rooms) Run(ctx context.Context) {
	if r.config.Owner == nil {
		grace := time.Duration(r.config.Room.SeatGraceMs) * time.Millisecond
		defer r.config.Clock.AfterFunc(grace, func() { r.endUntouched(ctx) }).Stop()
	}
	ticker := time.NewTicker(saveLaterEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.unsaved.save()
		}
	}
}

// Close stores the last state of each room, and returns the reason if something could not be stored
// since Stopping. No Session should be open, and none is opened afterwards. The store stays open.
func (r *Rooms) Close() error {
	r.Stopping()
	r.registry.close()
	for _, l := range r.registry.all() {
		l.saveLast()
	}
	r.store.Flush()
	if err := r.unstored.Load(); err != nil {
		return *err
	}
	return nil
}

// SaveLater immediately stores what may be stored later.
func (r *Rooms) SaveLater() { r.unsaved.save() }

// Stopping announces that Close will follow: from now on, if a room's state cannot be stored, Close
// fails.
func (r *Rooms) Stopping() { r.closing.Store(true) }

// notStored records that a save failed. Only a failure before the end of the process is final.
func (r *Rooms) notStored(err error) {
	if r.closing.Load() {
		r.unstored.CompareAndSwap(nil, &err)
	}
}

// Now is the time of the rooms.
func (r *Rooms) Now() Moment { return r.config.Clock.Now() }

// Describe returns what somebody with an invitation may know about a room, once that is stored.
func (r *Rooms) Describe(ctx context.Context, id string) (summary protocol.RoomSummary, refusal protocol.Code) {
	refusal = r.look(ctx, id, func(room *room.Room) protocol.Code {
		if !room.Exists() {
			return protocol.CodeRoomNotFound
		}
		summary = room.Summary()
		return ""
	})
	return summary, refusal
}

// Seated returns when a seat was taken, if the resume token is that of the user's seat. A room that
// does not exist is refused like a wrong token.
func (r *Rooms) Seated(ctx context.Context, id, userID, token string) (takenAtMs int64, refusal protocol.Code) {
	refusal = r.look(ctx, id, func(room *room.Room) protocol.Code {
		var ok bool
		if takenAtMs, ok = room.Holds([]byte(userID), []byte(token)); !ok {
			return protocol.CodeInvalidResumeToken
		}
		return ""
	})
	return takenAtMs, refusal
}

// look looks at a room, and returns once what it saw is stored.
func (r *Rooms) look(ctx context.Context, id string, at func(*room.Room) protocol.Code) protocol.Code {
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	l, refusal := r.enter(ctx, id)
	if refusal != "" {
		return refusal
	}
	defer l.leave()
	l.mu.Lock()
	seen, stored := at(l.room), l.stored()
	l.mu.Unlock()
	select {
	case ok := <-stored:
		if !ok {
			return protocol.CodeStorageUnavailable
		}
		return seen
	case <-ctx.Done():
		l.forgetAsk(stored)
		return protocol.CodeStorageUnavailable
	}
}
