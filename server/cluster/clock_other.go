//go:build !linux

package cluster

// bootTime is known on Linux only.
func bootTime() func() int64 { return nil }
