package flight

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/go-json-experiment/json"

	"usher/protocol"
	"usher/room"
)

const (
	// segmentBytes bounds the events after a checkpoint. A Ring has two segments: when the second
	// is full, the first one goes.
	segmentBytes = 16 << 10
	// firstBytes are enough for what happens until two people are in a room.
	firstBytes = 2 << 10
	// quietMs is for how long nothing but signs of life may happen until ForgetIfQuiet forgets a
	// Ring.
	quietMs = 20_000
	// startBytes must be left for a Ring to begin: a checkpoint is not worth making otherwise.
	startBytes = 16 << 10
	// relayed is the kind of an entry for a relay that did nothing but forward.
	relayed = "relayed"
)

// Budget bounds what all rings of a process take.
type Budget struct {
	max         int64
	used, rings atomic.Int64
	key         key
}

// NewBudget returns a budget of that many bytes. The random bytes keep the placeholders of secrets
// from being recognized.
func NewBudget(maxBytes int64, random [32]byte) *Budget {
	return &Budget{max: maxBytes, key: key(random)}
}

// Used returns how many bytes the rings take.
func (b *Budget) Used() int64 { return b.used.Load() }

// Rings returns how many rooms have a ring.
func (b *Budget) Rings() int64 { return b.rings.Load() }

// Ring has the latest events of a room. A nil Ring records nothing. Callers hold the room's lock.
type Ring struct {
	budget *Budget
	// older is nil until the first segment is full.
	older, newer *segment
	activeMs     int64
}

type segment struct {
	start room.Checkpoint
	// events are records: a tag, then a relay, or the length of an Entry as JSON and the Entry.
	events []byte
	// charged is what the budget has counted.
	charged int64
}

const (
	tagRelay byte = iota + 1
	tagSign
	tagEntry
)

// relayBytes is the size of a record of a relay after its tag: time, sender, receiver, type, size.
const relayBytes = 8 + 8 + 8 + 1 + 4

// Before returns the ring that is to record the next event of a room: this one, a new one, or none.
// It is called before the Step.
func (r *Ring) Before(b *Budget, at *room.Room, nowMs int64, event *room.Event) *Ring {
	sign := isSign(event)
	if r == nil && !sign && b.used.Load()+startBytes <= b.max {
		r = &Ring{budget: b}
		b.rings.Add(1)
	}
	if r == nil {
		return nil
	}
	if !sign {
		r.activeMs = nowMs
	}
	return r.ready(at)
}

// ForgetIfQuiet gives back what the ring takes, and returns nil, if nothing but signs of life has
// happened lately; otherwise it returns the ring. What idle participants cost is a promise, and
// some of them send nothing for a long time, so this does not wait for an event.
func (r *Ring) ForgetIfQuiet(nowMs int64) *Ring {
	if r != nil && nowMs-r.activeMs >= quietMs {
		r.Free()
		return nil
	}
	return r
}

// ready makes space for an event, or gives the ring up.
func (r *Ring) ready(at *room.Room) *Ring {
	if r.newer == nil || len(r.newer.events) >= segmentBytes {
		r.release(r.older)
		r.older, r.newer = r.newer, &segment{start: r.budget.key.checkpoint(at), events: make([]byte, 0, firstBytes)}
	}
	if r.charge(r.newer) {
		return r
	}
	if r.older != nil {
		r.release(r.older)
		r.older = nil
		if r.charge(r.newer) {
			return r
		}
	}
	r.Free()
	return nil
}

// charge counts what a segment takes, or reports that it is too much.
func (r *Ring) charge(s *segment) bool {
	size := int64(cap(s.events) + len(s.start.Snapshot) + 64*len(s.start.Attachments))
	for _, a := range s.start.Attachments {
		size += int64(len(a.Bytes))
	}
	more := size - s.charged
	s.charged = size
	return r.budget.used.Add(more) <= r.budget.max
}

func (r *Ring) release(s *segment) {
	if s != nil {
		r.budget.used.Add(-s.charged)
	}
}

// Free gives back what the ring takes.
func (r *Ring) Free() {
	if r == nil || r.newer == nil { // free already
		return
	}
	r.release(r.older)
	r.release(r.newer)
	r.older, r.newer = nil, nil
	r.budget.rings.Add(-1)
}

// isSign reports whether the event is nothing but a sign of life.
func isSign(event *room.Event) bool {
	switch event.Kind {
	case room.Seen, room.AlarmFired, room.Answered:
		return true
	case room.Received:
		return event.Err == nil && event.Message.Type == protocol.Ping
	}
	return false
}

// After records an event and what the Step did.
func (r *Ring) After(nowMs int64, event *room.Event, effects []room.Effect) {
	if r == nil {
		return
	}
	if to, ok := onlyForwards(event, effects); ok {
		r.Relayed(nowMs, event.Conn, to, event.Message.Type, len(event.Frame))
		return
	}
	if event.Kind == room.Received && isSign(event) && len(effects) == 1 && effects[0].Kind == room.Send {
		r.short(tagSign, nowMs, event.Conn, room.ConnID(len(effects[0].Frame)), event.Message.Type, len(event.Frame))
		return
	}
	entry, s := r.budget.key.entryOf(nowMs, event), scratches.Get().(*scratch)
	entry.Effects = s.effectsOf(effects)
	r.add(&entry)
	s.release()
}

// Panicked records an event at which the core has panicked.
func (r *Ring) Panicked(nowMs int64, event *room.Event) {
	if r == nil {
		return
	}
	entry := r.budget.key.entryOf(nowMs, event)
	entry.Panicked = true
	r.add(&entry)
}

func onlyForwards(event *room.Event, effects []room.Effect) (to room.ConnID, ok bool) {
	if event.Kind != room.Received || event.Err != nil || event.Refuse != "" || !event.Message.Type.Relayed() ||
		len(effects) != 1 || effects[0].Kind != room.Forward {
		return 0, false
	}
	return effects[0].Conn, true
}

// BeforeRelay is Before for a frame that Room.Relay takes. It starts no ring.
func (r *Ring) BeforeRelay(at *room.Room, nowMs int64) *Ring {
	if r == nil {
		return nil
	}
	r.activeMs = nowMs
	if len(r.newer.events) < segmentBytes && cap(r.newer.events)-len(r.newer.events) > relayBytes {
		return r
	}
	return r.ready(at)
}

// Relayed records a frame that was forwarded, and nothing else happened. It does not allocate
// unless a segment is full.
func (r *Ring) Relayed(nowMs int64, from, to room.ConnID, t protocol.Type, size int) {
	if r != nil {
		r.short(tagRelay, nowMs, from, to, t, size)
	}
}

func (r *Ring) short(tag byte, nowMs int64, from, to room.ConnID, t protocol.Type, size int) {
	b := append(r.newer.events, tag)
	b = binary.LittleEndian.AppendUint64(b, uint64(nowMs))
	b = binary.LittleEndian.AppendUint64(b, uint64(from))
	b = binary.LittleEndian.AppendUint64(b, uint64(to))
	r.newer.events = binary.LittleEndian.AppendUint32(append(b, byte(t)), uint32(size))
}

func (r *Ring) add(entry *Entry) {
	at := len(r.newer.events) + 5
	b, err := appendEntry(append(r.newer.events, tagEntry, 0, 0, 0, 0), entry)
	if err != nil {
		return // a recorder ends no room; a replay says where it differs
	}
	binary.LittleEndian.PutUint32(b[at-4:], uint32(len(b)-at))
	r.newer.events = b
}

// entries returns what a segment has recorded.
func (s *segment) entries() (list []Entry) {
	for b := s.events; len(b) > 0; {
		tag := b[0]
		b = b[1:]
		if tag == tagEntry {
			n := binary.LittleEndian.Uint32(b)
			var e Entry
			if err := json.Unmarshal(b[4:4+n], &e, byName); err != nil {
				panic(err)
			}
			list, b = append(list, e), b[4+n:]
			continue
		}
		t, size := protocol.Type(b[24]), int(binary.LittleEndian.Uint32(b[25:]))
		to := binary.LittleEndian.Uint64(b[16:])
		e := Entry{
			AtMs: int64(binary.LittleEndian.Uint64(b)), Conn: binary.LittleEndian.Uint64(b[8:]), Size: size,
			Kind: relayed, Message: &Message{Type: t.String()}, Effects: []Effect{{Do: deeds[room.Forward], To: []uint64{to}}},
		}
		if tag == tagSign {
			e.Kind, e.Effects = kinds[room.Received], []Effect{{Do: deeds[room.Send], To: []uint64{e.Conn}, Type: "PONG", Size: int(to)}}
		}
		list, b = append(list, e), b[relayBytes:]
	}
	return list
}
