package server

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/protocol"
	"usher/server/servertest"
)

// slowCommits delays the report of every commit by at least the given time.
func slowCommits(took time.Duration) func(*setup) {
	return func(s *setup) {
		withLargeRooms(s.Config)
		s.onCommit = func() { time.Sleep(took) }
	}
}

// crowd is many people in one room, each from an address of their own.
type crowd struct {
	t       *testing.T
	server  *running
	clients []*client
	readers sync.WaitGroup

	mu sync.Mutex
	// replied, told and bytes count the join replies, the USER_JOINED and the bytes that all of
	// them have read.
	replied, told, bytes int
	closed               []*client
	// known is how many people each one knows of, and states has the last room state that each
	// has seen.
	known  []int
	states []string
}

// gather opens the sockets of a crowd, whose first member creates the room, and starts to read
// them.
func (r *running) gather(roomID string, people int) *crowd {
	c := &crowd{t: r.t, server: r, known: make([]int, people), states: make([]string, people)}
	for i := range people {
		address := fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", i%250+1)
		c.clients = append(c.clients, r.open(roomID, fmt.Sprintf("user-%03d", i), address))
	}
	c.clients[0].create(`"protocol":1`)
	c.replied = 1
	for i, client := range c.clients {
		c.readers.Go(func() { c.read(i, client) })
	}
	r.t.Cleanup(func() {
		r.cutOff()
		c.readers.Wait()
	})
	return c
}

func (c *crowd) read(i int, client *client) {
	for {
		frame, err := client.read()
		c.mu.Lock()
		c.bytes += len(frame)
		joined := strings.HasPrefix(frame, `{"type":"USER_JOINED"`)
		switch {
		case err != nil:
			c.closed = append(c.closed, client)
		case joined:
			c.told++
		case strings.HasPrefix(frame, `{"type":"ROOM_JOINED"`):
			c.replied++
		}
		if at := strings.Index(frame, `"roomState":`); at >= 0 {
			c.states[i] = frame[at:]
			c.known[i] = strings.Count(c.states[i], `"joinedAt"`)
		} else if joined { // it names the one who is new
			c.known[i]++
		}
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// join makes everybody but the first send JOIN_ROOM, spread over a time. It waits until all have a
// reply and everybody has heard of all who came later.
func (c *crowd) join(name string, spread time.Duration) {
	c.t.Helper()
	began := time.Now()
	for i, client := range c.clients[1:] {
		time.Sleep(time.Until(began.Add(spread * time.Duration(i) / time.Duration(len(c.clients)))))
		client.say("JOIN_ROOM", `"userName":"`+name+`"`, `"protocol":1`)
	}
	people := len(c.clients)
	servertest.Eventually(c.t, "all are answered", func() bool { return c.counts().replied == people })
	c.t.Logf("%d join replies after %v", people, time.Since(began))
	servertest.Eventually(c.t, "all have heard of each other", func() bool { return c.counts().told == people*(people-1)/2 })
	c.t.Logf("everybody has heard of everybody after %v and %d bytes", time.Since(began), c.bytes)
}

type crowdCounts struct{ replied, told int }

// counts fails if anybody is closed who must not be.
func (c *crowd) counts(mayBe ...*client) crowdCounts {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, client := range c.closed {
		if !slices.Contains(mayBe, client) {
			c.t.Fatalf("%d of %d are closed, %d were answered", len(c.closed), len(c.clients), c.replied)
		}
	}
	return crowdCounts{c.replied, c.told}
}

// wantAll fails unless everybody knows of everybody.
func (c *crowd) wantAll() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, known := range c.known {
		if known != len(c.clients) {
			c.t.Errorf("%s knows of %d people", c.clients[i].user, known)
		}
	}
}

// all reports whether a condition holds for the last room state that everybody but the given one
// has seen.
func (c *crowd) all(but *client, is func(state string) bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, state := range c.states {
		if c.clients[i] != but && !is(state) {
			return false
		}
	}
	return true
}

func withLargeRooms(c *Config) {
	behindProxy(c)
	c.Room.MaxPeople = 250
}

func TestCrowdThatJoinsAtOnceIsSeated(t *testing.T) {
	for _, test := range []struct {
		what   string
		people int
		name   string
		spread time.Duration
		commit time.Duration
	}{
		{"250 at once", 250, "Ann", 0, 0},
		{"250 within a second", 250, "Ann", time.Second, 0},
		{"250 at once, commits of 25 ms", 250, "Ann", 0, 25 * time.Millisecond},
		{"250 within a second, commits of 25 ms", 250, "Ann", time.Second, 25 * time.Millisecond},
		{"50 at once with 64-letter names, commits of 25 ms", 50, strings.Repeat("n", protocol.MaxJoinNameUnits), 0, 25 * time.Millisecond},
		{"50 at once with 64-letter names, commits of 300 ms", 50, strings.Repeat("n", protocol.MaxJoinNameUnits), 0, 300 * time.Millisecond},
	} {
		t.Run(test.what, func(t *testing.T) {
			if raced {
				test.people = 50 // what is sent grows with the square
			}
			s := launchSetUp(t, t.TempDir(), slowCommits(test.commit))
			c := s.gather("crowded-1", test.people)
			c.join(test.name, test.spread)
			c.wantAll()
			c.counts()
		})
	}
}

func TestRenamesOfOneGuestDoNotCloseTheRoom(t *testing.T) {
	for _, commit := range []time.Duration{0, 25 * time.Millisecond, 300 * time.Millisecond} {
		t.Run(commit.String(), func(t *testing.T) {
			s := launchSetUp(t, t.TempDir(), slowCommits(commit))
			c := s.gather("renamed-1", 50)
			c.join("Ann", 0)
			guest := c.clients[7]
			for i := range 200 {
				if guest.trySay("RENAME_USER", fmt.Sprintf(`"newUserName":"name-%03d"`, i)) != nil {
					break // it may have been closed with 4029
				}
			}
			servertest.Eventually(t, "everybody else knows the name that the room has", func() bool {
				c.counts(guest)
				now := nameIn(s, "renamed-1", guest.user)
				return now != "Ann" && c.all(guest, func(state string) bool { return strings.Contains(state, `"name":"`+now+`"`) })
			})
		})
	}
}

// nameIn returns the stored name of a participant.
func nameIn(s *running, roomID, userID string) string {
	for _, user := range stored(s.t, s.copyStore())[roomID].Users {
		if user.ID == userID {
			return user.Name
		}
	}
	return ""
}
