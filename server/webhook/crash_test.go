package webhook

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"usher/room"
	"usher/server/metrics"
	"usher/server/store"
	"usher/server/store/bolt"
)

const childVariable = "USHER_WEBHOOK_CHILD"

// TestMain is also a server that only stores and sends, for tests that kill it.
func TestMain(m *testing.M) {
	if job := os.Getenv(childVariable); job != "" {
		if err := serveAsChild(strings.Fields(job)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveAsChild obeys lines: "ROOM USER" stores that somebody joined, and is echoed once that is
// durable; a number lets so many seconds pass.
func serveAsChild(job []string) error {
	dir, url := job[0], job[1]
	queue, err := bolt.Open(dir, bolt.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	clock := newClock()
	passed, _ := strconv.Atoi(job[2])
	clock.advance(time.Duration(passed) * time.Second)
	s, err := New(Config{
		URL: url, Secrets: []string{secret}, Kinds: DefaultKinds, AllowPrivate: true, RetryFor: 72 * time.Hour, Queue: queue,
		Now: clock.Now, After: clock.After, Metrics: metrics.New().ShowWebhooks(queue.Depth, queue.Dropped), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	go s.Run(context.Background())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		line := lines.Text()
		if seconds, err := strconv.Atoi(line); err == nil {
			clock.advance(time.Duration(seconds) * time.Second)
			continue
		}
		roomID, userID, _ := strings.Cut(line, " ")
		o := []*room.Occurrence{{Kind: room.UserJoined, UserID: userID, AtMs: clock.Now().UnixMilli()}}
		queue.SaveWith(roomID, store.Record{Snapshot: []byte(userID)}, s.Messages(roomID, o), func(err error) {
			if err == nil {
				fmt.Println(line)
			}
			s.Wake()
		})
	}
	return nil
}

// child is a server in a process of its own.
type child struct {
	t       *testing.T
	process *exec.Cmd
	in      io.Writer
	out     *bufio.Scanner
}

func startChild(t *testing.T, dir, url string, passedSeconds int) *child {
	t.Helper()
	c := &child{t: t, process: exec.Command(os.Args[0])}
	c.process.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", childVariable, dir, url, passedSeconds))
	c.process.Stderr = os.Stderr
	in, err := c.process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.in, c.out = in, bufio.NewScanner(out)
	if err := c.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	return c
}

func (c *child) kill() {
	_ = c.process.Process.Kill() // SIGKILL
	_ = c.process.Wait()
}

func (c *child) tell(line string) {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.in, line); err != nil {
		c.t.Fatal(err)
	}
}

// pass lets an hour or less pass, in steps.
func (c *child) pass(seconds int) {
	c.t.Helper()
	for range seconds / 10 {
		c.tell("10")
		time.Sleep(time.Millisecond)
	}
}

// outage is a receiver that is down, and what the servers that send to it have stored.
type outage struct {
	t        *testing.T
	dir      string
	receiver *receiver
	stored   map[string][]string
}

// store stores so many messages of each of ten rooms, and waits until they are durable.
func (o *outage) store(c *child, from, to int) {
	o.t.Helper()
	const rooms = 10
	for i := from; i < to; i++ {
		for j := range rooms {
			c.tell(fmt.Sprintf("room-%d %d", j, i))
		}
	}
	for range (to - from) * rooms {
		if !c.out.Scan() {
			o.t.Fatal("the child has ended")
		}
		roomID, user, _ := strings.Cut(c.out.Text(), " ")
		o.stored[roomID] = append(o.stored[roomID], user)
	}
}

// isOver reports whether the receiver has everything, and fails if something is missing or out of
// order. What was not acknowledged may have been stored.
func (o *outage) isOver() bool {
	o.t.Helper()
	for roomID, want := range o.stored {
		got := slices.DeleteFunc(o.receiver.users(roomID), func(user string) bool { return user == "unacknowledged" })
		if len(got) < len(want) {
			return false
		}
		if !slices.Equal(got, want) {
			o.t.Fatalf("%s has %v, want %v", roomID, got, want)
		}
	}
	return true
}

// end lets time pass until the receiver has everything.
func (o *outage) end(c *child) {
	o.t.Helper()
	for n := 0; !o.isOver(); n++ {
		if n > 20_000 {
			o.t.Fatalf("received are %d", len(o.receiver.received()))
		}
		c.pass(10)
	}
}

// A receiver that is down for an hour, while the server is killed: it gets every message that was
// stored, and those of a room in order.
func TestAReceiverThatIsDownForAnHourAndAKill(t *testing.T) {
	o := &outage{t, t.TempDir(), newReceiver(t), map[string][]string{}}
	o.receiver.replies(status(http.StatusServiceUnavailable))
	first := startChild(t, o.dir, o.receiver.URL, 0)
	o.store(first, 0, 10)
	first.pass(1200)
	o.store(first, 10, 20)
	first.tell("room-0 unacknowledged")
	first.kill()

	second := startChild(t, o.dir, o.receiver.URL, 1200)
	o.store(second, 20, 30)
	second.pass(2400)
	if got := len(o.receiver.received()); got != 0 || o.receiver.requests() == 0 {
		t.Fatalf("%d received, %d requests", got, o.receiver.requests())
	}
	o.receiver.replies(nil)
	o.end(second)
	for _, d := range o.receiver.received() {
		if !verified(d, secret) {
			t.Error("a signature is wrong")
		}
	}
}

// A server that is killed while it sends may send again what was received, with the same id.
func TestAKillWhileItSends(t *testing.T) {
	o := &outage{t, t.TempDir(), newReceiver(t), map[string][]string{}}
	for i := range 5 {
		c := startChild(t, o.dir, o.receiver.URL, 60*i)
		o.store(c, 10*i, 10*i+10)
		c.kill()
	}
	o.end(startChild(t, o.dir, o.receiver.URL, 300))
	ids := map[string]string{}
	for _, d := range o.receiver.received() {
		what := d.room + " " + d.user
		if id, known := ids[what]; known && id != d.id {
			t.Errorf("%s has the ids %s and %s", what, id, d.id)
		}
		ids[what] = d.id
	}
}
