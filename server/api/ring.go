package api

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"usher/room"
)

// ringSize is how many events are kept for those who come back, some 1 MB.
const ringSize = 4096

// ring keeps the last events in their order. Writers never wait for readers.
type ring struct {
	// epoch tells one life of the process from another: its numbers begin again.
	epoch string

	mu      sync.Mutex
	entries [ringSize]entry
	// next is the number of the next event, from 1.
	next    uint64
	readers map[chan struct{}]struct{}
}

type entry struct {
	roomID string
	what   *room.Occurrence
}

func newRing(now time.Time) *ring {
	return &ring{epoch: strconv.FormatInt(now.UnixMilli(), 36), next: 1, readers: map[chan struct{}]struct{}{}}
}

func (r *ring) add(roomID string, occurrences []*room.Occurrence) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range occurrences {
		r.entries[r.next%ringSize] = entry{roomID, o}
		r.next++
	}
	for wake := range r.readers {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// join returns a channel that has a value once there are new events, until leave.
func (r *ring) join() chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	wake := make(chan struct{}, 1)
	r.readers[wake] = struct{}{}
	return wake
}

func (r *ring) leave(wake chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.readers, wake)
}

// readAtOnce is how many events a reader copies at once.
const readAtOnce = 256

// read returns some events from a number on, the number of the first of them, and whether some
// before it are missing.
func (r *ring) read(from uint64, into []entry) (events []entry, first uint64, missing bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first = from
	if r.next > ringSize && from < r.next-ringSize {
		first, missing = r.next-ringSize, true
	}
	for n := first; n < r.next && len(into) < readAtOnce; n++ {
		into = append(into, r.entries[n%ringSize])
	}
	return into, first, missing
}

func (r *ring) id(n uint64) string { return r.epoch + "-" + strconv.FormatUint(n, 10) }

// after returns the number of the event that follows an id, and whether some are missing because
// the id is of another life of the process. "" is followed by what happens next.
func (r *ring) after(id string) (from uint64, missing bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id == "" {
		return r.next, false
	}
	epoch, number, _ := strings.Cut(id, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	if epoch != r.epoch || err != nil || n >= r.next {
		return max(1, r.next-min(r.next-1, ringSize)), true
	}
	return n + 1, false
}
