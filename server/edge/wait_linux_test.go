package edge

import (
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// testWaiter returns a waiter and a function that makes an event ready.
func testWaiter(t *testing.T) (*waiter, func()) {
	t.Helper()
	p := testPoller(t, 1<<20)
	t.Cleanup(p.close)
	return newWaiter(p.epoll), func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.wakeUp()
	}
}

func TestARawWaitNeedsASecondProcessor(t *testing.T) {
	for processors, want := range map[int]bool{1: false, 2: true} {
		w, ready := testWaiter(t)
		ready()
		previous := runtime.GOMAXPROCS(processors)
		events, err := w.wait(true)
		runtime.GOMAXPROCS(previous)
		if len(events) != 1 || err != nil || w.attentive != want {
			t.Errorf("with %d processors: %d events, error %v, attentive %v", processors, len(events), err, w.attentive)
		}
	}
}

func TestAWaitThatMayNotBlockReturnsWithoutEvents(t *testing.T) {
	w, _ := testWaiter(t)
	if events, err := w.wait(false); len(events) != 0 || err != nil {
		t.Errorf("%d events, error %v", len(events), err)
	}
}

// The event comes after the raw wait is over, or during it: both cases must return it.
func TestAnAttentiveWaitReturnsAnEventWheneverItComes(t *testing.T) {
	w, ready := testWaiter(t)
	w.attentive = true
	for range 200 {
		go ready()
		events, err := w.wait(true)
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range events {
			var count [8]byte
			if _, err := unix.Read(int(event.Fd), count[:]); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAPollerIsCrowdedWhileGoroutinesWaitForAProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	w, _ := testWaiter(t)
	var stop atomic.Bool
	var busy sync.WaitGroup
	for range 8 {
		busy.Go(func() {
			for !stop.Load() {
			}
		})
	}
	for !w.crowded() { // for ever, if it never is
		runtime.Gosched()
	}
	stop.Store(true)
	busy.Wait()
}

// A garbage collection stops the world, including a raw wait.
func TestBytesPassWhileGarbageIsCollected(t *testing.T) {
	const size = 1 << 20
	p := testPoller(t, 2*size)
	echo := &heardBytes{}
	s, client := socketPair(t, p, echo)
	echo.got = func(b []byte) {
		if n, err := writeNow(s.fd, b); n != len(b) || err != nil {
			t.Error("echoed", n, err)
		}
	}
	s.start(nil)
	p.running(t)

	stop := make(chan struct{})
	var collecting sync.WaitGroup
	collecting.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	})
	defer collecting.Wait()
	defer close(stop)
	sent := make([]byte, 512)
	received := make([]byte, len(sent))
	for i := range size / len(sent) {
		for j := range sent {
			sent[j] = byte(i + j)
		}
		if _, err := client.Write(sent); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(client, received); err != nil {
			t.Fatal(err)
		}
		if string(received) != string(sent) {
			t.Fatalf("message %d came back changed", i)
		}
	}
}
