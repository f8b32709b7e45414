package server

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"usher/server/handover"
)

// slowSuccessor names the variable that makes the test's binary a process that another starts to
// take over. Its value says what that sends.
const slowSuccessor = "SLOW_SUCCESSOR"

func init() {
	if what := os.Getenv(slowSuccessor); what != "" {
		beSlow(what)
	}
}

// beSlow says that it is ready and, if what is "begun", that it begins. Then it begins whenever it
// may.
func beSlow(what string) {
	link, err := handover.Inherited()
	if link == nil || err != nil {
		os.Exit(3)
	}
	_ = link.Put(handover.Hello{})
	if what == "begun" {
		_ = link.Put(handover.Reply{})
	}
	_ = link.Flush() // at once, so that whoever has received the first has both
	for link.Receive(&handover.Go{}) == nil {
		_ = link.Send(handover.Reply{})
	}
	os.Exit(0)
}

// startSlow starts one, and returns once it has sent its first message.
func startSlow(t *testing.T, what string) *handover.Link {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), slowSuccessor+"="+what)
	link, err := handover.Start(command)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(link.Kill)
	if err := link.Receive(&handover.Hello{}); err != nil {
		t.Fatal(err)
	}
	return link
}

func TestASuccessorThatHasBegunGoesOn(t *testing.T) {
	link := startSlow(t, "begun")
	if err := decide(link, os.ErrDeadlineExceeded); err != nil {
		t.Fatal(err)
	}
	link.SetDeadline(time.Time{})
	if err := errors.Join(link.Send(handover.Go{}), agreed(link)); err != nil {
		t.Errorf("it stands still: %v", err)
	}
}

func TestASuccessorThatIsLateNeverBegins(t *testing.T) {
	link := startSlow(t, "late")
	if err := decide(link, os.ErrDeadlineExceeded); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	link.SetDeadline(time.Now().Add(200 * time.Millisecond))
	if err := link.Send(handover.Go{}); err != nil {
		t.Fatal(err)
	}
	if err := agreed(link); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it runs: %v", err)
	}
}

func TestASuccessorThatHasEndedNeverBegins(t *testing.T) {
	link := startSlow(t, "late")
	link.Kill()
	if err := decide(link, os.ErrDeadlineExceeded); err == nil {
		t.Error("it has begun")
	}
}
