package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"

	"usher/server"
)

// inherited returns the listeners that systemd, or whoever speaks sd_listen_fds(3), has started the
// process with.
func inherited() ([]net.Listener, error) {
	return listenersOf(activation.Files(true))
}

func listenersOf(files []*os.File) (listeners []net.Listener, err error) {
	for _, file := range files {
		listener, err := net.FileListener(file) // has a descriptor of its own
		_ = file.Close()
		if tcp, ok := listener.(*net.TCPListener); err == nil && ok {
			listeners = append(listeners, tcp)
			continue
		}
		return nil, &hinted{
			fmt.Errorf("%s, which the process was started with, is not a socket that listens for TCP", file.Name()),
			"each line of the socket unit is ListenStream= with a port, or an address and a port",
		}
	}
	return listeners, nil
}

// supervisor is who started the process and wants to hear from it, as sd_notify(3) says. A
// supervisor that does not listen is sent nothing.
type supervisor struct {
	notify func(state string)
	// interval is how often it must hear that the server is alive, 0 for never.
	interval time.Duration
	alive    func(context.Context) error
	// status is one line for people.
	status func() string
	log    *slog.Logger
}

func newSupervisor(srv *server.Server, log *slog.Logger) *supervisor {
	s := &supervisor{alive: srv.Alive, status: srv.Status, log: log}
	s.notify = func(state string) {
		if _, err := daemon.SdNotify(false, state); err != nil {
			log.Warn("the supervisor could not be told", "state", state, "error", err)
		}
	}
	var err error
	if s.interval, err = daemon.SdWatchdogEnabled(false); err != nil {
		log.Warn("the watchdog is off", "error", err)
	}
	return s
}

// isSupervised reports whether somebody listens.
func isSupervised() bool { return os.Getenv("NOTIFY_SOCKET") != "" }

// watchAfter is watch once released is closed: the supervisor hears only from the main process. Nil
// is closed.
func (s *supervisor) watchAfter(ctx context.Context, released <-chan struct{}) {
	if released != nil {
		select {
		case <-released:
		case <-ctx.Done():
			return
		}
	}
	s.watch(ctx)
}

// passing wraps passed so that the supervisor hears first which process is the main one from now
// on.
func (s *supervisor) passing(passed func(pid int)) func(pid int) {
	return func(pid int) {
		s.notify(fmt.Sprintf("MAINPID=%d", pid))
		passed(pid)
	}
}

// statusEvery is how often the status is sent if there is no watchdog.
const statusEvery = 10 * time.Second

// watch reports that the server is ready, and then, until ctx is done, that it is alive: as long as
// it is. The supervisor ends a server that it does not hear from for an interval.
func (s *supervisor) watch(ctx context.Context) {
	every := statusEvery
	if s.interval > 0 {
		every = s.interval / 3
	}
	ready := "READY=1\n"
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		check, cancel := context.WithTimeout(ctx, every)
		err := s.alive(check)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.log.Error("the server does not work; a watchdog will restart it", "error", err)
		default:
			s.notify(ready + "WATCHDOG=1\nSTATUS=" + s.status())
			ready = ""
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// obeying wraps what signals do, so that the supervisor hears when it begins, when a reload is
// over, and that a drain may take longer than the supervisor would wait.
func (s *supervisor) obeying(
	reload func() error, drain func(), drainTimeout time.Duration,
) (func() error, func()) {
	return func() error {
			s.notify("RELOADING=1")
			defer s.notify("READY=1")
			return reload()
		}, func() {
			const rest = 5 * time.Second // what the process needs after the drain
			s.notify(fmt.Sprintf("STOPPING=1\nSTATUS=Draining.\nEXTEND_TIMEOUT_USEC=%d", (drainTimeout + rest).Microseconds()))
			drain()
		}
}
