package bolt

import "syscall"

// unmap drops the entries of this process's page table for a part of a mapped file. Only mappings
// of a file that are shared may be dropped so: the next access finds the same bytes.
func unmap(from, bytes uintptr) {
	// It is advice: an error changes nothing.
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, from, bytes, syscall.MADV_DONTNEED)
}
