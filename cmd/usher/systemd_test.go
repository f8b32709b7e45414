package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// heard collects what a supervisor is told, a line each.
type heard struct {
	mu    sync.Mutex
	lines []string
}

func (h *heard) notify(state string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, strings.Split(state, "\n")...)
}

func (h *heard) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	lines := h.lines
	h.lines = nil
	return lines
}

func TestTheWatchdogHearsFromAServerThatWorksOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told heard
		var health atomic.Value // of the server: a func(context.Context) error
		works := func(context.Context) error { return nil }
		fails := func(context.Context) error { return errors.New("it fails") }
		hangs := func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		s := &supervisor{
			notify: told.notify, interval: 30 * time.Second,
			alive:  func(ctx context.Context) error { return health.Load().(func(context.Context) error)(ctx) },
			status: func() string { return "Serving." },
			log:    slog.New(slog.NewTextHandler(io.Discard, nil)),
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		health.Store(fails)
		go s.watch(ctx)
		for _, step := range []struct {
			name   string
			health func(context.Context) error
			want   []string
		}{
			{"before it serves", fails, nil},
			{"at first", works, []string{"READY=1", "WATCHDOG=1", "STATUS=Serving."}},
			{"then", works, []string{"WATCHDOG=1", "STATUS=Serving."}},
			{"when it fails", fails, nil},
			{"when it works again", works, []string{"WATCHDOG=1", "STATUS=Serving."}},
			{"when it hangs", hangs, nil},
			{"still", hangs, nil},
		} {
			health.Store(step.health)
			time.Sleep(s.interval / 3)
			synctest.Wait()
			if got := told.take(); !slices.Equal(got, step.want) {
				t.Errorf("%s it is told %q, want %q", step.name, got, step.want)
			}
		}
	})
}

func TestAServerWithoutAWatchdogStillReportsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told heard
		s := &supervisor{
			notify: told.notify,
			alive:  func(context.Context) error { return nil },
			status: func() string { return "Serving." },
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.watch(ctx)
		synctest.Wait()
		if got := told.take(); len(got) == 0 || got[0] != "READY=1" {
			t.Errorf("at the start it is told %q", got)
		}
		time.Sleep(statusEvery)
		synctest.Wait()
		if got := told.take(); !slices.Contains(got, "STATUS=Serving.") {
			t.Errorf("later it is told %q", got)
		}
	})
}

func TestSignalsAreReportedToTheSupervisor(t *testing.T) {
	var told heard
	s := &supervisor{notify: told.notify}
	failure := errors.New("no such certificate")
	reload, drain := s.obeying(
		func() error { told.notify("(reload)"); return failure },
		func() { told.notify("(drain)") },
		10*time.Second)
	if err := reload(); !errors.Is(err, failure) {
		t.Errorf("the reload returns %v", err)
	}
	drain()
	want := []string{"RELOADING=1", "(reload)", "READY=1", "STOPPING=1", "STATUS=Draining.", "EXTEND_TIMEOUT_USEC=15000000", "(drain)"}
	if got := told.take(); !slices.Equal(got, want) {
		t.Errorf("it is told %q, want %q", got, want)
	}
}

func TestOnlySocketsThatListenForTCPAreTaken(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	file := func(socket any) *os.File {
		file, err := socket.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Skip(err) // Windows has none
		}
		return file
	}
	listeners, err := listenersOf([]*os.File{file(tcp)})
	if err != nil || len(listeners) != 1 || listeners[0].Addr().String() != tcp.Addr().String() {
		t.Fatalf("of a TCP socket: %v, %v", listeners, err)
	}
	defer listeners[0].Close()
	var advice *hinted
	if listeners, err := listenersOf([]*os.File{file(udp)}); !errors.As(err, &advice) {
		t.Errorf("of a UDP socket: %v, %v", listeners, err)
	}
}
