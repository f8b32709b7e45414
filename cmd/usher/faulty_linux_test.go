package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"usher/room"
	"usher/server/handover"
	"usher/server/store/bolt"
)

// faultySuccessor names the variable that makes the test's binary a successor with a fault.
const faultySuccessor = "FAULTY_SUCCESSOR"

func init() {
	if fault := os.Getenv(faultySuccessor); fault != "" {
		beFaulty(fault)
	}
}

// beFaulty takes over as far as a fault lets it, and ends, or hangs if the fault ends with "hangs".
func beFaulty(fault string) {
	defer os.Exit(3)
	at := func(step string) {
		switch fault {
		case step + " ends":
			os.Exit(3)
		case step + " hangs":
			time.Sleep(time.Hour)
		}
	}
	if fault == "borrows the store" {
		borrowStore()
		return
	}
	link, err := handover.Inherited()
	if link == nil || err != nil {
		fmt.Fprintln(os.Stderr, "nothing to take over:", err)
		return
	}
	at("start")
	hello := handover.Hello{Version: handover.Version, Attachment: room.AttachmentVersion}
	switch fault {
	case "version":
		hello.Version++
	case "attachment":
		hello.Attachment++
	}
	_ = link.Send(hello)
	at("hello")
	var head handover.Head
	if link.Receive(&head) != nil {
		return
	}
	at("head")
	for range head.Listeners { // as if it served
		if fd, err := link.Take(); err == nil {
			_, _ = net.FileListener(os.NewFile(uintptr(fd), "listener"))
		}
	}
	for range 1 + head.Rooms { // the budgets come first
		if err := link.Receive(nil); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
	}
	at("rooms")
	if fault == "lends the store" {
		lendStore()
	} else if _, err := bolt.Open(os.Args[5], bolt.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	at("store")
	if fault == "refuses" {
		_ = link.Send(handover.Reply{Refusal: "it does not like them"})
		time.Sleep(time.Hour)
	}
	_ = link.Send(handover.Reply{})
	at("reply")
	if err := link.Receive(&handover.Go{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	at("go")
}

// lendStore lets another process open the store, which outlives this one, and returns never.
func lendStore() {
	borrower := exec.Command(os.Args[0], os.Args[1:]...)
	borrower.Env = append(os.Environ(), faultySuccessor+"=borrows the store")
	if err := borrower.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	time.Sleep(time.Hour)
}

// borrowStore has the store open until a file exists.
func borrowStore() {
	opened, err := bolt.Open(os.Args[5], bolt.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	for {
		if _, err := os.Stat(os.Args[5] + returned); err == nil {
			_ = opened.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// returned is what the file's name ends with that makes a borrower close the store.
const returned = "-returned"

func TestASuccessorThatFailsChangesNothing(t *testing.T) {
	self := os.Args[0]
	for _, test := range []struct{ name, script, want string }{
		{"it ends at once", "exit 1", "it has ended"},
		{"it does not exist", "", "starting the new program"},
		{"it is an older version", "exec sleep 0.2", "it has ended"},
		{"it has another version", fault("version", self), "stop this one, and start the new one"},
		{"its rooms are of another version", fault("attachment", self), "stop this one, and start the new one"},
		{"another process speaks for it", "FAULTY_SUCCESSOR='store ends' " + self + " \"$@\"\nexit 0", "a message came from another process"},
		{"it ends when it is started", fault("start ends", self), "it has ended"},
		{"it ends when it is ready", fault("hello ends", self), "it has ended"},
		{"it hangs when it is ready", fault("hello hangs", self), "it "},
		{"it ends in the middle", fault("head ends", self), "it has ended"},
		{"it hangs in the middle", fault("head hangs", self), "does not answer in time"},
		{"it hangs with all rooms", fault("rooms hangs", self), "does not answer in time"},
		{"it ends with the store open", fault("store ends", self), "it has ended"},
		{"it hangs with the store open", fault("store hangs", self), "does not answer in time"},
		{"it refuses", fault("refuses", self), "it does not like them"},
		{"it ends when it has agreed", fault("reply ends", self), "it has ended"},
		{"it hangs when it has agreed", fault("reply hangs", self), "does not answer in time"},
		{"it ends before it begins", fault("go ends", self), "it has ended"},
		{"it hangs before it begins", fault("go hangs", self), "does not answer in time"},
		{"its disk is full", "ulimit -f 0; exec " + self + " \"$@\"", ""},
		{"it may not open as many files", "ulimit -n 12; exec " + self + " \"$@\"", ""},
		{"its settings are wrong", "exec " + self + " serve --listen nowhere", "it has ended"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			u := startUpgradable(t)
			all := talk(t, u.address, 20, 400)
			if test.script == "" {
				u.replace("/nonexistent")
			} else {
				u.script(test.script)
			}
			if said := u.refuse(); !strings.Contains(said, test.want) {
				t.Errorf("it says %s", said)
			}
			newcomer := &talker{id: "ann", room: "newcomer"}
			newcomer.enter(t, u.address) // stored, and so seen
			u.replace(self)
			u.upgrade()
			all.quiet()
		})
	}
}

// fault is a script that is a successor with a fault.
func fault(name, self string) string {
	return fmt.Sprintf("FAULTY_SUCCESSOR='%s' exec %s \"$@\"", name, self)
}

func TestASuccessorThatNeverGetsReadyIsStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for 15 s")
	}
	t.Parallel()
	u := startUpgradable(t)
	all := talk(t, u.address, 20, 400)
	u.script("exec sleep 100")
	if said := u.refuse(); !strings.Contains(said, "does not answer in time") {
		t.Errorf("it says %s", said)
	}
	all.quiet()
}

func TestAStoreThatIsStillLockedIsOpenedLater(t *testing.T) {
	t.Parallel()
	u := startUpgradable(t)
	all := talk(t, u.address, 20, 400)
	u.script(fault("lends the store", os.Args[0]))
	u.refuse()
	u.refuse() // there is only one who opens it
	if status := u.ready(); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz is %d while another process has the store", status)
	}
	if err := os.WriteFile(u.data()+returned, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	u.eventually("the store is open again", func() bool { return u.ready() == http.StatusOK })
	newcomer := &talker{id: "ann", room: "newcomer"}
	newcomer.enter(t, u.address)
	u.replace(os.Args[0])
	u.upgrade()
	all.quiet()
}

// ready returns the status of /readyz, 0 for none.
func (u *upgradable) ready() int {
	response, err := http.Get("http://" + u.address + "/readyz")
	if err != nil {
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}

func TestADiskThatIsFullAtAnUpgradeLosesNothing(t *testing.T) {
	t.Parallel()
	u := startUpgradable(t)
	all := talk(t, u.address, 20, 400)
	u.limitFiles(0)
	u.refuse()
	u.limitFiles(unix.RLIM_INFINITY)
	u.eventually("it stores again", func() bool { return u.ready() == http.StatusOK })
	u.upgrade()
	all.quiet()
}

func TestATerminationDuringAnUpgradeDrains(t *testing.T) {
	t.Parallel()
	u := startUpgradable(t)
	u.script("exec sleep 100")
	_ = unix.Kill(u.pid, unix.SIGUSR2)
	u.eventually("it upgrades", func() bool { return strings.Contains(u.logged(), "msg=upgrading") })
	_ = unix.Kill(u.pid, unix.SIGTERM)
	u.eventually("it drains", func() bool { return strings.Contains(u.logged(), "msg=drained") })
}
