//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package broker

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes the lock, which the system gives back when the process ends, however it ends.
func lockFile(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }
