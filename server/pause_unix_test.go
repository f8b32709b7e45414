//go:build unix

package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

const childDir = "USHER_SERVER_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := serveAsChild(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// Deadlines short enough for a test to wait for; Validate requires longer ones.
const (
	childIdle  = 3 * time.Second
	childGrace = 3 * time.Second
)

// serveAsChild prints its address and serves until standard input ends.
func serveAsChild(dir string) error {
	config := DefaultConfig()
	config.Listen, config.DataDir, config.DrainSpread = "127.0.0.1:0", dir, 0
	config.Log = slog.New(slog.DiscardHandler)
	s, err := newServer(config, outside{secret: randomSecret, tune: func(c *Config) {
		c.Room.IdleMs, c.Room.SeatGraceMs = childIdle.Milliseconds(), childGrace.Milliseconds()
	}})
	if err != nil {
		return err
	}
	fmt.Println(s.Addr())
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return s.Run(ctx)
}

// startChild starts a server in a process of its own.
func startChild(t *testing.T) (*running, *os.Process) {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childDir+"="+t.TempDir())
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := command.Wait(); err != nil {
			t.Error(err)
		}
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return &running{Server: new(Server), t: t, web: new(http.Client), elsewhere: strings.TrimSpace(address)}, command.Process
}

// A process that is stopped and continued closes nobody and ends no seat, whether people sent
// something during the stop or before; and its clock has moved on.
func TestStoppedProcessClosesNobodyWhoHasBeenSending(t *testing.T) {
	t.Parallel()
	s, process := startChild(t)
	ann, bob := s.open("stopped-1", "ann"), s.open("stopped-1", "bob")
	carl, unseated := s.open("stopped-1", "carl"), s.open("stopped-1", "dora")
	ann.create(`"protocol":1`)
	token := bob.join(`"protocol":1`).ResumeToken
	ann.expect("USER_JOINED")
	carl.join(`"protocol":1`)
	ann.expect("USER_JOINED")
	bob.drop()
	ann.expect("USER_DISCONNECTED")
	carl.expect("USER_DISCONNECTED")
	for _, c := range []*client{ann, carl, unseated} {
		c.quiet()
	}

	signal(t, process, syscall.SIGSTOP)
	const stopped = childIdle + childGrace
	pings := 0
	for began := time.Now(); time.Since(began) < stopped; pings++ {
		ann.send(`{"type":"PING","timestamp":1}`)
		time.Sleep(childIdle / 6)
	}
	signal(t, process, syscall.SIGCONT)

	var last heard // the first may have been answered before the signal had its effect
	for range pings {
		last = ann.expect("PONG")
	}
	if at := time.UnixMilli(last.Timestamp); time.Since(at).Abs() > childIdle/2 {
		t.Errorf("the server's time is %v, and it is %v", at, time.Now())
	}
	for _, c := range []*client{ann, carl, unseated} {
		c.quiet()
	}
	bob = s.open("stopped-1", "bob")
	if back := bob.resume(token); !back.Resumed || len(back.RoomState.Users) != 3 {
		t.Errorf("bob finds %s", back.raw)
	}
	ann.expect("USER_RECONNECTED")
	carl.expect("USER_RECONNECTED")
	ann.quiet()
}

func signal(t *testing.T, process *os.Process, signal syscall.Signal) {
	t.Helper()
	if err := process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}
