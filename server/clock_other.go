//go:build !linux

package server

import "time"

// suspended is known on Linux only. Elsewhere either the time of the suspension is missing from the
// clock, or the clock has gone on and the process counts as stopped.
func suspended() func() time.Duration { return nil }
