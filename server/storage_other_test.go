//go:build !linux

package server

// fillDisk needs /proc and /dev/full, which only Linux has.
func (r *running) fillDisk() (restore func()) {
	r.t.Helper()
	r.t.Skip("a disk can be made to fail only on Linux")
	return nil
}
