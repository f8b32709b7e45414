package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"usher/server/servertest"
)

var (
	upgradeSockets = flag.Int("upgrade-sockets", 40, "how many sockets the upgrades of a test keep open")
	upgradeRate    = flag.Int("upgrade-rate", 400, "how many frames a second they send in all")
	upgrades       = flag.Int("upgrades", 3, "how many upgrades there are")
)

// upgradable is a server whose program can be exchanged while it runs.
type upgradable struct {
	t       *testing.T
	program string // a link
	log     *record
	address string
	pid     int
}

// startUpgradable starts a server by a link to this test's binary.
func startUpgradable(t *testing.T, args ...string) *upgradable {
	t.Helper()
	dir := t.TempDir()
	u := &upgradable{t: t, program: filepath.Join(dir, "usher"), log: new(record)}
	u.replace(os.Args[0])
	lines, output, err := os.Pipe() // a pipe also takes what a full disk does not
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	go func() { _, _ = io.Copy(u.log, lines) }()
	command := exec.Command(u.program, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--drain-spread", "0s",
		"--max-connections-per-address", "0", "--max-rooms-per-address", "0", "--address-request-burst", "100000", "--address-join-burst", "100000",
		"--address-message-rate", "100000"}, args...)...)
	command.Env = append(os.Environ(), demoProgram+"=1", "GORACE=atexit_sleep_ms=0")
	command.Stdout, command.Stderr = output, output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	u.pid = command.Process.Pid
	go command.Wait() // it may end while another process serves
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(u.logged())
		}
		lines.Close()
		_ = syscall.Kill(u.pid, syscall.SIGKILL)
	})
	listening := regexp.MustCompile(`msg=serving listen=(\S+)`)
	u.eventually("it serves", func() bool { return listening.MatchString(u.logged()) })
	u.address = listening.FindStringSubmatch(u.logged())[1]
	return u
}

func (u *upgradable) eventually(what string, is func() bool) {
	u.t.Helper()
	servertest.Eventually(u.t, what, is)
}

func (u *upgradable) logged() string { return u.log.text() }

// record keeps what is written.
type record struct {
	mu      sync.Mutex
	written []byte
}

// Write implements io.Writer.
func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.written = append(r.written, b...)
	return len(b), nil
}

func (r *record) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.written)
}

// replace makes another file the program.
func (u *upgradable) replace(with string) {
	u.t.Helper()
	if err := os.Symlink(with, u.program+".new"); err != nil {
		u.t.Fatal(err)
	}
	if err := os.Rename(u.program+".new", u.program); err != nil {
		u.t.Fatal(err)
	}
}

// script makes a shell script the program.
func (u *upgradable) script(text string) {
	u.t.Helper()
	path := filepath.Join(u.t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		u.t.Fatal(err)
	}
	u.replace(path)
}

var tookOver = regexp.MustCompile(`msg="another process has taken over" pid=(\d+) tookMs=(\d+)`)

// upgrade upgrades it, and returns how long it stood still. On a busy machine a new process may be
// too late, and is refused.
func (u *upgradable) upgrade() time.Duration {
	u.t.Helper()
	before := len(tookOver.FindAllString(u.logged(), -1))
	for range 5 {
		refused := strings.Count(u.logged(), "not upgraded")
		_ = syscall.Kill(u.pid, syscall.SIGUSR2)
		u.eventually("another process has taken over", func() bool {
			return len(tookOver.FindAllString(u.logged(), -1)) > before || strings.Count(u.logged(), "not upgraded") > refused
		})
		if all := tookOver.FindAllStringSubmatch(u.logged(), -1); len(all) > before {
			return u.follow(all[before])
		}
		if strings.Count(u.logged(), "it does not answer in time") == 0 {
			break
		}
	}
	u.t.Fatal("it was not upgraded")
	return 0
}

// follow goes on with the process that the log says has taken over.
func (u *upgradable) follow(said []string) time.Duration {
	u.t.Helper()
	old := u.pid
	u.pid, _ = strconv.Atoi(said[1])
	ms, _ := strconv.Atoi(said[2])
	u.eventually("the old process ends", func() bool { return syscall.Kill(old, 0) != nil })
	return time.Duration(ms) * time.Millisecond
}

// refuse asks for an upgrade that must fail, and returns what the log says about it.
func (u *upgradable) refuse() string {
	u.t.Helper()
	before := strings.Count(u.logged(), "not upgraded")
	_ = syscall.Kill(u.pid, syscall.SIGUSR2)
	u.eventually("it goes on", func() bool { return strings.Count(u.logged(), "not upgraded") > before })
	lines := strings.Split(u.logged(), "\n")
	slices.Reverse(lines)
	for _, line := range lines {
		if strings.Contains(line, "not upgraded") {
			return line
		}
	}
	return ""
}

func TestUpgradesKeepEverySocketAndFrame(t *testing.T) {
	u := startUpgradable(t)
	all := talk(t, u.address, *upgradeSockets, *upgradeRate)
	all.allTalk()
	t.Logf("99 of 100 frames took at most %v before the first upgrade", all.latency())
	for range *upgrades {
		all.latency()
		still := u.upgrade()
		p99 := all.latency() // of about the take-over
		t.Logf("it stood still for %v, 99 of 100 frames took at most %v", still, p99)
		newcomer := &talker{id: "ann", room: fmt.Sprintf("newcomer-%d", u.pid)}
		newcomer.enter(t, u.address)
	}
	all.quiet()
}

func TestAnUpgradeSaysThatAnAddressHasChanged(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "usher.yaml")
	listenOn := func(address string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("metrics-listen: "+address+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	listenOn("127.0.0.1:0")
	u := startUpgradable(t, "--config", file)
	u.upgrade()
	if strings.Contains(u.logged(), "has changed") {
		t.Error("it warns of what has not changed")
	}
	listenOn("localhost:0")
	u.script("shift 3; exec " + os.Args[0] + " serve --listen localhost:0 \"$@\"")
	for n := 1; n <= 2; n++ { // the second time, too: it still listens there
		u.upgrade()
		for _, setting := range []string{"listen", "metrics-listen"} {
			warning := regexp.MustCompile(`level=WARN msg="` + setting +
				` has changed, but an upgrade keeps the addresses: restart usher to use the new one" listening=127.0.0.1:\d+ was=127.0.0.1:0 is=localhost:0\n`)
			u.eventually("it warns of "+setting, func() bool { return len(warning.FindAllString(u.logged(), -1)) == n })
		}
	}
}
