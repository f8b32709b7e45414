//go:build !linux

package bolt

// unmap does nothing: other systems may take the advice differently.
func unmap(_, _ uintptr) {}
