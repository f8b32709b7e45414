package main

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher/server/servertest"
)

// TestSystemdStartsReloadsAndStopsIt plays systemd: it passes a socket, hears what the server
// reports, and sends signals.
func TestSystemdStartsReloadsAndStopsIt(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	reports, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer reports.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	passed, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	listener.Close() // as with systemd, only the passed descriptor is left
	defer passed.Close()
	// LISTEN_PID is the process's own id, which is known only once it exists.
	command := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, os.Args[0], "serve", "--data", t.TempDir(), "--drain-spread", "0s")
	command.ExtraFiles = []*os.File{passed} // descriptor 3
	command.Env = append(os.Environ(), demoProgram+"=1", "GORACE=atexit_sleep_ms=0",
		"NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=300000", "LISTEN_FDS=1", "LISTEN_FDNAMES=usher.socket")
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	}()

	next := reported(t, reports)
	if report, want := next("READY=1"), "STATUS=Serving on "+listener.Addr().String()+":"; !strings.Contains(report, want) {
		t.Errorf("it reports %q, want %s", report, want)
	}
	response, err := http.Get("http://" + listener.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	for range 3 {
		next("WATCHDOG=1")
	}
	_ = command.Process.Signal(syscall.SIGHUP)
	next("RELOADING=1")
	next("READY=1")
	next("WATCHDOG=1")
	_ = command.Process.Signal(syscall.SIGTERM)
	next("STOPPING=1")
	if err := command.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &output)
	}
	if !strings.Contains(output.String(), "http://"+listener.Addr().String()+"/") {
		t.Errorf("it does not say where it serves:\n%s", &output)
	}
}

func TestTheSupervisorFollowsAnUpgrade(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	reports, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer reports.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "300000")
	u := startUpgradable(t)
	next := reported(t, reports)
	next("READY=1")
	u.upgrade()
	next("MAINPID=" + strconv.Itoa(u.pid))
	next("READY=1") // of the new process, which is the main one now
	next("WATCHDOG=1")
	_ = syscall.Kill(u.pid, syscall.SIGTERM)
	next("STOPPING=1")
}

// reported reads all reports as they come, for whoever sends them waits while many are unread, and
// returns what waits for the next one that has a line.
func reported(t *testing.T, reports net.Conn) (next func(line string) string) {
	all := make(chan string, 10_000)
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := reports.Read(buffer)
			if err != nil {
				return
			}
			all <- string(buffer[:n])
		}
	}()
	return func(line string) string {
		t.Helper()
		late := time.After(servertest.Patience)
		for {
			select {
			case report := <-all:
				if strings.Contains("\n"+report+"\n", "\n"+line+"\n") {
					return report
				}
			case <-late:
				t.Fatalf("no %s", line)
			}
		}
	}
}
