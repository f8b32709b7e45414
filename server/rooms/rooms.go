package rooms

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"usher/protocol"
)

// saveLaterEvery is how much of playback positions and held frames a crash may lose.
const saveLaterEvery = 5 * time.Second

// New takes stock of the store: it removes what has expired and counts the rooms of each address.
func New(config Config) (*Rooms, error) {
	if config.Hasher == nil {
		config.Hasher = NewHasher()
	}
	config.Room.Report = config.Observer != nil || config.Messages != nil
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

// Run stores what may be stored later, forgets what is recorded of quiet rooms, and ends rooms that
// nobody comes back to, until ctx is done.
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
			r.SaveLater()
			r.forgetQuietFlights()
		}
	}
}

// Close stores the last state of each room, and returns the reason if something could not be stored
// since Stopping. No Session should be open, and none is opened afterwards. The store stays open.
func (r *Rooms) Close() error {
	r.Stopping()
	r.registry.close()
	last := r.registry.all()
	for _, l := range last {
		l.saveLast()
	}
	r.store.Flush()
	for _, l := range last {
		l.mu.Lock()
		l.tellLastReports()
		l.mu.Unlock()
	}
	if err := r.unstored.Load(); err != nil {
		return *err
	}
	return nil
}

// Stopping announces that Close will follow: from now on, if a room's state cannot be stored, Close
// fails.
func (r *Rooms) Stopping() { r.closing.Store(true) }

// Describe returns what somebody with an invitation may know about a room, once that is stored.
func (r *Rooms) Describe(ctx context.Context, id string) (summary protocol.RoomSummary, refusal protocol.Code) {
	refusal = r.look(ctx, id, func(l *liveRoom) protocol.Code {
		if !l.room.Exists() {
			return protocol.CodeRoomNotFound
		}
		summary = l.room.Summary()
		return ""
	})
	return summary, refusal
}

// Seated returns when a seat was taken, if the resume token is that of the user's seat. A room that
// does not exist is refused like a wrong token.
func (r *Rooms) Seated(ctx context.Context, id, userID, token string) (takenAtMs int64, refusal protocol.Code) {
	refusal = r.look(ctx, id, func(l *liveRoom) protocol.Code {
		var ok bool
		if takenAtMs, ok = l.room.Holds([]byte(userID), []byte(token)); !ok {
			return protocol.CodeInvalidResumeToken
		}
		return ""
	})
	return takenAtMs, refusal
}

// List returns up to n rooms that want to be listed, in the order of their ids, from the first
// after the given id. more reports whether others follow.
func (r *Rooms) List(after string, n int) (page []protocol.RoomSummary, more bool) {
	g := r.listing
	if g == nil {
		return nil, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	i, found := g.find(after)
	if found {
		i++
	}
	end := min(len(g.rooms), i+n)
	return slices.Clone(g.rooms[i:end]), end < len(g.rooms)
}
