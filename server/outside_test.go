package server

import (
	"slices"
	"sync"
	"time"

	"usher/protocol"
	"usher/room"
	"usher/server/rooms"
)

// fakeOutside is a clock that moves only with advance, and a secret that is known beforehand.
type fakeOutside struct {
	mu     sync.Mutex
	atMs   int64
	paused int64
	timers []*fakeTimer // that are set
	// secrets are drawn one after the other, again and again.
	secrets [][protocol.TokenBytes]byte
	// hashes wait until they are done, if tardy is set.
	hashes       []func()
	tardy, fails bool
}

type fakeTimer struct {
	clock *fakeOutside
	atMs  int64
	do    func()
}

// set makes it the outside of a server, of several at once if need be.
func (f *fakeOutside) set(s *setup) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.clock, s.hasher = f, f
	f.secrets = [][protocol.TokenBytes]byte{{1}} // of whoever no test draws one for
	s.secret = func() [protocol.TokenBytes]byte {
		f.mu.Lock()
		defer f.mu.Unlock()
		next := f.secrets[0]
		f.secrets = append(f.secrets[1:], next)
		return next
	}
}

// AfterFunc implements rooms.Clock.
func (f *fakeOutside) AfterFunc(after time.Duration, do func()) rooms.Timer {
	t := &fakeTimer{clock: f, do: do}
	t.Reset(after)
	return t
}

// Now implements rooms.Clock.
func (f *fakeOutside) Now() rooms.Moment {
	f.mu.Lock()
	defer f.mu.Unlock()
	return rooms.Moment{Ms: f.atMs, PausedMs: f.paused}
}

func (f *fakeOutside) nowMs() int64 { return f.Now().Ms }

// draw sets what is drawn.
func (f *fakeOutside) draw(secrets []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.secrets = nil
	for one := range slices.Chunk(secrets, protocol.TokenBytes) {
		f.secrets = append(f.secrets, [protocol.TokenBytes]byte(one))
	}
}

// Hash implements rooms.Hasher.
func (f *fakeOutside) Hash(_ uint64, passcode string, salt [room.SaltBytes]byte, iterations int, done func([room.DigestBytes]byte, bool)) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	hash := func() { done(rooms.Digest(passcode, salt, iterations), true) }
	switch {
	case f.fails:
		return false
	case f.tardy:
		f.hashes = append(f.hashes, hash)
	default:
		go hash()
	}
	return true
}

// hash lets hashes wait, has those done that wait, or lets further ones fail.
func (f *fakeOutside) hash(how string) {
	f.mu.Lock()
	f.tardy, f.fails = how == "wait", how == "fail"
	var hashes []func()
	if !f.tardy {
		hashes, f.hashes = f.hashes, nil
	}
	f.mu.Unlock()
	for _, hash := range hashes {
		hash()
	}
}

// isTimed reports whether any timer is set.
func (f *fakeOutside) isTimed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.timers) > 0
}

// advance lets time pass. Each timer fires at its exact time, and settle then waits for the work
// that it started.
func (f *fakeOutside) advance(ms int64, settle func()) {
	for untilMs := f.nowMs() + ms; ; settle() {
		do := f.next(untilMs)
		if do == nil {
			return
		}
		do()
	}
}

// pause lets time pass in which nothing runs: no timer fires.
func (f *fakeOutside) pause(ms int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.atMs += ms
	f.paused += ms
}

// next moves the clock to the first timer that is due and returns its function, or moves the clock
// to untilMs and returns nil.
func (f *fakeOutside) next(untilMs int64) (do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var first *fakeTimer
	for _, t := range f.timers {
		if t.atMs <= untilMs && (first == nil || t.atMs < first.atMs) {
			first = t
		}
	}
	if first == nil {
		f.atMs = untilMs
		return nil
	}
	f.atMs = max(f.atMs, first.atMs)
	first.unset()
	return first.do
}

func (t *fakeTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	return t.unset()
}

func (t *fakeTimer) Reset(after time.Duration) bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	was := t.unset()
	t.atMs = t.clock.atMs + after.Milliseconds()
	t.clock.timers = append(t.clock.timers, t)
	return was
}

// unset reports whether the timer was set. The caller holds the lock.
func (t *fakeTimer) unset() bool {
	for i, other := range t.clock.timers {
		if other == t {
			t.clock.timers = append(t.clock.timers[:i], t.clock.timers[i+1:]...)
			return true
		}
	}
	return false
}
