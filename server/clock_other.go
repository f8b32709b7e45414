//go:build !linux

package server

import "time"

// suspended is known on Linux only. Elsewhere a suspended machine's time is missing from the clock, or
// its clock has gone on and the process counts as stopped.
func suspended() func() time.Duration { return nil }
