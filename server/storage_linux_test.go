package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"usher/protocol"
	"usher/server/servertest"
	"usher/server/store"
	"usher/server/store/bolt"
)

// fillDisk puts /dev/full under the descriptor of the server's store: every commit fails with
// ENOSPC until restore is called. Mapped data stays readable.
func (r *running) fillDisk() (restore func()) {
	r.t.Helper()
	file := filepath.Join(r.dir, "rooms.db")
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != file {
			continue
		}
		var fd int
		_, _ = fmt.Sscan(filepath.Base(link), &fd)
		kept, err := syscall.Dup(fd)
		if err != nil {
			r.t.Fatal(err)
		}
		full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
		if err != nil {
			r.t.Fatal(err)
		}
		defer full.Close()
		if err := syscall.Dup3(int(full.Fd()), fd, syscall.O_CLOEXEC); err != nil {
			r.t.Fatal(err)
		}
		return func() {
			if err := errors.Join(syscall.Dup3(kept, fd, syscall.O_CLOEXEC), syscall.Close(kept)); err != nil {
				r.t.Error(err)
			}
		}
	}
	r.t.Fatal("the store's file is not open")
	return nil
}

func (r *running) isReady() bool {
	response, _ := r.ask("GET", "/readyz")
	return response.StatusCode == 200
}

func TestWhileTheStoreFailsRelaysGoOnAndWhatMustBeStoredIsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	ann, bob := s.pair("healthy-1")
	restore := s.fillDisk()
	// Nobody knows yet: the commit of this room fails before its reply is seen.
	carl := s.open("never-was-1", "carl")
	carl.say("CREATE_ROOM", `"userName":"Carl"`)
	carl.closed(protocol.CloseTryLater)

	response, body := s.ask("GET", "/readyz")
	servertest.WantError(t, response, body, protocol.CodeStorageUnavailable)
	dora := s.open("never-was-2", "dora")
	dora.say("CREATE_ROOM", `"userName":"Dora"`)
	dora.refused(protocol.CodeStorageUnavailable)
	ann.say("RENAME_ROOM", `"newRoomName":"new"`)
	ann.refused(protocol.CodeStorageUnavailable)
	ann.offer("bob", "goes on")
	bob.expect("WEBRTC_OFFER")
	bob.drop()
	ann.expect("USER_LEFT")
	bob = s.open("healthy-1", "bob") // a return needs nothing stored
	bob.join()
	ann.expect("USER_JOINED")
	bob.leave() // the end of a seat does: it waits
	ann.expect("USER_LEFT")
	ann.quiet()

	restore()
	servertest.Eventually(t, "the store heals", s.isReady)
	dora.create()
	if left := ann.expect("USER_LEFT"); left.LeftUserID != "bob" {
		t.Error(left.raw)
	}
	carl = s.open("never-was-1", "carl")
	carl.say("JOIN_ROOM", `"userName":"Carl"`)
	carl.refused(protocol.CodeRoomNotFound)
	carl.create()
	if n := s.metrics.Rooms.Load(); n != 3 {
		t.Errorf("%d rooms are counted", n)
	}
}

func TestRoomWhoseCommitFailedComesBackFromWhatIsStored(t *testing.T) {
	t.Parallel()
	s := launchSetUp(t, t.TempDir(), func(s *setup) {
		behindProxy(s.Config)
		anHourOld(s)
	})
	ann, bob := s.open("given-up-1", "ann", "X-Forwarded-For: 192.0.2.1"), s.open("given-up-1", "bob")
	annToken := ann.create(`"roomName":"Kept"`).ResumeToken
	bobToken := bob.join().ResumeToken
	ann.expect("USER_JOINED")
	restore := s.fillDisk()
	ann.say("RENAME_ROOM", `"newRoomName":"never seen"`)
	ann.offer("bob", "never seen")
	ann.closed(protocol.CloseTryLater)
	bob.closed(protocol.CloseTryLater)
	for i, early := range []bool{true, false} {
		if !early {
			restore()
			servertest.Eventually(t, "the store heals", s.isReady)
		}
		ann, bob := s.open("given-up-1", "ann"), s.open("given-up-1", "bob")
		back := ann.resume(annToken)
		if back.RoomState.Name != "Kept" || back.RoomState.HostID != "ann" || len(back.RoomState.Users) != 2 || back.Recovered && i == 0 {
			t.Error(back.raw)
		}
		bob.resume(bobToken)
		ann.expect("USER_RECONNECTED")
		ann.offer("bob", "again")
		bob.expect("WEBRTC_OFFER")
		ann.drop()
		bob.expect("USER_LEFT")
		bob.drop()
	}
	if n := s.metrics.Rooms.Load(); n != 1 {
		t.Errorf("%d rooms are counted", n)
	}
}

func TestFullStoreRefusesNewRoomsUntilThereIsSpace(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *Config) { c.MaxStoreBytes = bolt.MinMaxBytes })
	ann, bob := s.pair("full-room-1")
	fillers := 0
	fill := func(n, size int) (err error) { // n at once, and returns how the last one went
		saved := make(chan error, n)
		for range n {
			record := store.Record{ExpiresAtMs: s.clock.Now().Ms + 1e6, Snapshot: make([]byte, size)}
			s.store.Save(fmt.Sprint("filler-", fillers), record, func(err error) { saved <- err })
			fillers++
		}
		for range n {
			err = <-saved
		}
		return err
	}
	var err error
	for _, size := range []int{4_000, 400, 4_000} {
		for err = nil; err == nil; {
			err = fill(50, size)
		}
	}
	if !errors.Is(err, store.ErrFull) {
		t.Fatal(err)
	}
	response, body := s.ask("GET", "/readyz")
	servertest.WantError(t, response, body, protocol.CodeStorageUnavailable)
	carl := s.open("full-room-2", "carl")
	carl.say("CREATE_ROOM", `"userName":"Carl"`)
	carl.refused(protocol.CodeStorageUnavailable)
	ann.offer("bob", "goes on")
	bob.expect("WEBRTC_OFFER")
	// one by one, as rooms end: many at once may need more space than they free
	for i := range fillers {
		deleted := make(chan error)
		s.store.Delete(fmt.Sprint("filler-", i), func(err error) { deleted <- err })
		if err := <-deleted; err != nil {
			t.Fatal(err)
		}
	}
	servertest.Eventually(t, "the store has space again", s.isReady)
	carl.create()
	if log := s.log.String(); !strings.Contains(log, "the room store cannot write") || !strings.Contains(log, "writes again") {
		t.Error("the log does not tell")
	}
}

// Frames held for a seat may be only in memory for a while. A failure to store them must not be
// forgotten, or a clean stop would report that the store is complete.
func TestHeldFramesThatTheStoreDidNotTakeAreStoredWhenItIsBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := launch(t, dir, nil)
	ann, bob := s.open("holds-1", "ann"), s.open("holds-1", "bob")
	ann.create()
	token := bob.join().ResumeToken
	ann.expect("USER_JOINED")
	bob.drop()
	ann.expect("USER_LEFT")
	restore := s.fillDisk()
	ann.offer("bob", "held")
	ann.drop()
	servertest.Eventually(t, "all have dropped", func() bool { return s.metrics.Connections.Load() == 0 })
	s.rooms.SaveLater()
	servertest.Eventually(t, "the store fails", func() bool { return !s.isReady() })
	restore()
	servertest.Eventually(t, "the store heals", s.isReady)
	s.stop()

	s = launch(t, dir, nil)
	bob = s.open("holds-1", "bob")
	if back := bob.resume(token); !back.Recovered {
		t.Fatal("not recovered: ", back.raw)
	}
	bob.expect("WEBRTC_OFFER")
}
