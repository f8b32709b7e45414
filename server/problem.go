package server

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// problems are the settings that are outside their bounds.
type problems []error

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Errorf(format, args...)) }

func (p *problems) duration(name string, d, low, high time.Duration) {
	if d < low || d > high {
		p.add("%s must be %s to %s, not %s", name, show(low), show(high), show(d))
	}
}

func (p *problems) count(name string, n, low, high int) {
	if n < low || n > high {
		p.add("%s must be %d to %d, not %d", name, low, high, n)
	}
}

func (p *problems) size(name string, n, low, high int) {
	if n < low || n > high {
		p.add("%s must be %s to %s, not %s", name, showBytes(low), showBytes(high), showBytes(n))
	}
}

// show writes a duration as a person would: 5h, not 5h0m0s, and 30d.
func show(d time.Duration) string {
	if d >= 2*day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// showBytes writes a size in the largest unit that leaves no remainder.
func showBytes(n int) string {
	switch {
	case n != 0 && n%(1<<20) == 0:
		return strconv.Itoa(n>>20) + "MiB"
	case n != 0 && n%(1<<10) == 0:
		return strconv.Itoa(n>>10) + "KiB"
	}
	return strconv.Itoa(n)
}

// milliseconds returns the duration, or the longest one if it does not fit.
func milliseconds(ms int64) time.Duration {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	return time.Duration(min(max(ms, -most), most)) * time.Millisecond
}
