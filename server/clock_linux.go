package server

import (
	"time"

	"golang.org/x/sys/unix"
)

// suspended returns a function for how long the machine has been suspended: the boot-time clock
// goes on during that time and the monotonic one does not.
func suspended() func() time.Duration {
	return func() time.Duration {
		var boot, monotonic unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &monotonic) // never fails
		_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot)
		return time.Duration(boot.Nano() - monotonic.Nano())
	}
}
