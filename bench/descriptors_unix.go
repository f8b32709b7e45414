//go:build unix

package bench

import "syscall"

// descriptors is how many files the process may have open. Go raises the soft limit to the hard one
// when it starts.
func descriptors() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return int(min(uint64(limit.Cur), 1<<30))
}
