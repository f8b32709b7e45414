package cluster

import "golang.org/x/sys/unix"

// bootTime returns a clock that goes on while the machine is suspended.
func bootTime() func() int64 {
	return func() int64 {
		var t unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) // never fails
		return t.Nano()
	}
}
