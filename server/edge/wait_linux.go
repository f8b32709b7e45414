package edge

import (
	"runtime"
	"runtime/metrics"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// waiter waits for the events of an epoll set.
//
// Go's scheduler takes the processor from a goroutine that blocks in a system call, and finds it
// another one afterwards: at a few thousand frames a second that costs more than a frame does. So
// while events keep coming, the waiter waits in a raw system call, which the scheduler does not
// notice, and keeps its processor. It does so only for a while, so that an idle server sleeps, only
// if there is another processor, and only if no goroutine is waiting for one.
//
// The garbage collector stops the world by a signal, which ends a raw system call with EINTR.
type waiter struct {
	epoll  int
	events []unix.EpollEvent
	// attentive is set while raw waits bring events.
	attentive bool
	// runnable is the number of goroutines that wait for a processor.
	runnable [1]metrics.Sample
	// calm is how often in succession nobody was found to wait for a processor, up to maxCalm, and
	// unlooked how many more raw waits begin without a look.
	calm, unlooked int
}

// maxEvents is how many sockets a wait may report.
const maxEvents = 256

// attentionMs is how long a raw wait may last: what a goroutine that becomes ready meanwhile may
// have to wait if all other processors are busy. Without a bound, an idle server would use 1 % of a
// core, because the scheduler's monitor runs as long as a processor is in use.
const attentionMs = 5

func newWaiter(epoll int) *waiter {
	w := &waiter{epoll: epoll, events: make([]unix.EpollEvent, maxEvents)}
	w.runnable[0].Name = "/sched/goroutines/runnable:goroutines"
	return w
}

// wait returns the events that are ready. It waits for one if block is set, and may return none.
func (w *waiter) wait(block bool) ([]unix.EpollEvent, error) {
	switch {
	case !block:
		return w.result(w.raw(0))
	case w.attentive && !w.crowded():
		if n, err := w.raw(attentionMs); n != 0 {
			return w.result(n, err)
		}
	}
	n, err := unix.EpollWait(w.epoll, w.events, -1)
	w.attentive = n > 0 && runtime.GOMAXPROCS(0) > 1
	return w.result(n, err)
}

// maxCalm bounds how many raw waits begin without a look at who waits for a processor: the looks
// take 3 % of a relay's CPU at a few thousand a second. Meanwhile the scheduler's monitor sees to
// it that nobody waits for longer than 10 ms.
const maxCalm = 7

// crowded reports whether goroutines wait for a processor even after this one has stepped aside. It
// looks less and less often while there are none.
func (w *waiter) crowded() bool {
	if w.unlooked > 0 {
		w.unlooked--
		return false
	}
	if !w.othersWait() {
		w.calm = min(w.calm+1, maxCalm)
		w.unlooked = w.calm
		return false
	}
	w.calm = 0
	runtime.Gosched()
	return w.othersWait()
}

func (w *waiter) othersWait() bool {
	metrics.Read(w.runnable[:])
	return w.runnable[0].Value.Uint64() > 0
}

func (w *waiter) result(n int, err error) ([]unix.EpollEvent, error) {
	if err == unix.EINTR {
		return nil, nil
	}
	return w.events[:max(n, 0)], err
}

// raw is unix.EpollWait behind the scheduler's back.
func (w *waiter) raw(ms int) (int, error) {
	return called(unix.RawSyscall6(unix.SYS_EPOLL_PWAIT,
		uintptr(w.epoll), uintptr(unsafe.Pointer(&w.events[0])), uintptr(len(w.events)), uintptr(ms), 0, 0))
}

// readNow and writeNow are unix.Read and unix.Write for descriptors that never block, so that the
// scheduler need not hear of it. The bytes must not be empty.
func readNow(fd int32, b []byte) (int, error) {
	return called(unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b))))
}

func writeNow(fd int32, b []byte) (int, error) {
	return called(unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b))))
}

func called(n, _ uintptr, errno syscall.Errno) (int, error) {
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
