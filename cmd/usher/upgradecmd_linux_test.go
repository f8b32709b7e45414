package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// command runs usher upgrade for the server.
func (u *upgradable) command(args ...string) (status int, stdout, stderr string) {
	u.t.Helper()
	var out, errs bytes.Buffer
	status = run(append([]string{"upgrade", "--data", u.data()}, args...), &out, &errs)
	if _, err := os.Stat(filepath.Join(u.data(), upgradeResult)); err == nil {
		u.t.Error("it leaves its file")
	}
	return status, out.String(), errs.String()
}

func (u *upgradable) data() string { return filepath.Join(filepath.Dir(u.program), "data") }

func TestTheCommandUpgrades(t *testing.T) {
	t.Parallel()
	u := startUpgradable(t)
	all := talk(t, u.address, 10, 200)
	for range 2 {
		status, out, errs := u.command()
		var old int
		if n, _ := fmt.Sscanf(out, "Process %d has taken over from %d.\n", &u.pid, &old); status != 0 || n != 2 || old == u.pid {
			t.Fatalf("status %d, %s%s", status, out, errs)
		}
		if holder, err := holderOf(filepath.Join(u.data(), "rooms.db")); holder != u.pid {
			t.Errorf("process %d has the folder: %v", holder, err)
		}
	}
	u.script("exit 1")
	if status, out, errs := u.command(); status != 1 || !strings.HasPrefix(errs, "error: not upgraded: the new program: it has ended\nhint: ") {
		t.Errorf("status %d, %s%s", status, out, errs)
	}
	u.script("exec sleep 5")
	if status, out, errs := u.command("--timeout", "100ms"); status != 1 || !strings.Contains(errs, "has not said in time") {
		t.Errorf("status %d, %s%s", status, out, errs)
	}
	all.quiet()
}

func TestTheCommandSparesAProgramThatWouldEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "rooms.db")
	older := exec.Command("flock", file, "sh", "-c", "echo locked; exec sleep 20")
	lines, err := older.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := older.Start(); err != nil {
		t.Skip(err)
	}
	defer older.Wait()
	defer lines.Close()
	defer older.Process.Kill()
	if _, err := lines.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	want := fmt.Sprintf("error: process %d is a program that cannot hand over its connections\nhint: restart it\n", older.Process.Pid)
	if status := run([]string{"upgrade", "--data", dir}, &out, &errs); status != 1 || errs.String() != want {
		t.Errorf("status %d, %s%s", status, &out, &errs)
	}
	if !isRunning(older.Process.Pid) {
		t.Error("it has ended")
	}
}
