package server

import (
	"strings"
	"testing"
	"time"

	"usher/protocol"
	"usher/server/servertest"
	"usher/server/store"
)

func TestDrainClosesWith1012AndKeepsTheSeats(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := launch(t, dir, nil)
	ann, bob := s.open("drained-1", "ann"), s.open("drained-1", "bob")
	annToken, bobToken := ann.create(`"roomName":"Kept"`).ResumeToken, bob.join().ResumeToken
	ann.expect("USER_JOINED")
	unseated := s.open("drained-2", "carl")
	// It does not answer the close frame, so the drain waits for it.
	stubborn := s.raw("drained-3")
	stubborn.say("CREATE_ROOM", "drained-3", "dora", "")
	s.keepPrivate("drained-3", stubborn.token())

	s.end()
	for _, c := range []*client{ann, bob, unseated} {
		c.closedAtLast(protocol.CloseRestart)
	}
	if code := stubborn.closeCode(); code != protocol.CloseRestart {
		t.Errorf("closed with %d", code)
	}
	response, body := s.ask("GET", "/readyz")
	servertest.WantError(t, response, body, protocol.CodeDraining)
	if response, _ := s.ask("GET", "/healthz"); response.StatusCode != 200 {
		t.Error("not alive while draining")
	}
	response, body = s.ask("GET", "/ws?roomId=drained-4", upgradeHeaders()...)
	servertest.WantError(t, response, body, protocol.CodeDraining)
	stubborn.write(closeFrame(protocol.CloseNormal)) // too late to be a leave
	s.stop()

	editStore(t, dir, func(id string, r *store.Record) {
		if !r.Clean {
			t.Errorf("%s was not stored as what it was last", id)
		}
	})
	if rooms := stored(t, dir); len(rooms) != 2 || len(rooms["drained-1"].Users) != 2 || len(rooms["drained-3"].Users) != 1 {
		t.Errorf("stored is %v", rooms)
	}
	s = launch(t, dir, nil)
	ann, bob = s.open("drained-1", "ann"), s.open("drained-1", "bob")
	if back := ann.resume(annToken); !back.Resumed || !back.Recovered || back.RoomState.Name != "Kept" || back.RoomState.HostID != "ann" {
		t.Error(back.raw)
	}
	if back := bob.resume(bobToken); !back.Resumed || !back.Recovered || len(back.RoomState.Users) != 2 {
		t.Error(back.raw)
	}
}

func TestDrainWithoutClientsIsImmediateAndEndsTheListener(t *testing.T) {
	s := serve(t, nil)
	s.stop()
	if _, err := s.web.Get(s.url("/healthz")); err == nil {
		t.Error("it still listens")
	}
}

// A server that stops while clients come and go loses nothing that it confirmed to them.
func TestDrainUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := launch(t, dir, func(c *Config) { c.DrainSpread = 200 * time.Millisecond })
	told := make(chan string, 1000)
	done := make(chan bool)
	const workers = 4
	for worker := range workers {
		go func() {
			defer func() { done <- true }()
			for i := 0; ; i++ {
				id := "load-" + string(rune('a'+worker)) + "-" + strings.Repeat("x", i%40+1)
				c, err := s.tryOpen(id, "ann")
				if err != nil || c.trySay("CREATE_ROOM", `"userName":"ann"`) != nil {
					return
				}
				if reply, err := c.read(); err != nil || !strings.Contains(reply, `"ROOM_CREATED"`) {
					return
				}
				told <- id
			}
		}()
	}
	for range 40 {
		<-told
	}
	s.end()
	for range workers {
		<-done
	}
	s.stop()
	close(told)
	rooms := stored(t, dir)
	for id := range told {
		if _, ok := rooms[id]; !ok {
			t.Errorf("%s was created and is not stored", id)
		}
	}
}

// Background work, such as the memory watch, is needed as long as there are clients.
func TestBackgroundRunsUntilTheClientsAreGone(t *testing.T) {
	t.Parallel()
	s := launchSetUp(t, t.TempDir(), func(s *setup) {
		s.DrainTimeout = time.Hour
		s.closeGrace = time.Hour
	})
	stubborn := s.raw("drained-5")
	s.end()
	if code := stubborn.closeCode(); code != protocol.CloseRestart {
		t.Errorf("closed with %d", code)
	}
	for range 2 { // nobody else reads the clock now
		looked := s.clock.looked.Load()
		servertest.Eventually(t, "the clock's heart beats", func() bool { return s.clock.looked.Load() != looked })
	}
	stubborn.write(closeFrame(protocol.CloseNormal))
	s.stop()
}
