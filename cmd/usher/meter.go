package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"usher/bench"
)

// meter shows how far a run of the bench is: a bar on a terminal, and elsewhere a line now and
// then.
type meter struct {
	out   io.Writer
	style style
	last  time.Time
}

// meterEvery is the time between two lines of a meter that is not on a terminal.
const meterEvery = 5 * time.Second

func newMeter(out io.Writer) *meter { return &meter{out: out, style: styleFor(out), last: time.Now()} }

func (m *meter) show(p bench.Progress) {
	text := fmt.Sprintf("%3.0f %%  %s  %s  %s", 100*p.Done, p.Phase,
		counted(p.Seated, "person", "people"), counted(p.Messages, "message", "messages"))
	if p.Errors > 0 {
		text += "  " + counted(p.Errors, "error", "errors")
	}
	switch {
	case m.style.terminal:
		const width = 24
		full := int(p.Done * width)
		fmt.Fprintf(m.out, "\r\x1b[K%s%s %s", strings.Repeat("█", full), m.style.dim(strings.Repeat("░", width-full)), text)
	case time.Since(m.last) >= meterEvery:
		m.last = time.Now()
		fmt.Fprintln(m.out, strings.TrimSpace(text))
	}
}

// clear removes the bar.
func (m *meter) clear() {
	if m.style.terminal {
		fmt.Fprint(m.out, "\r\x1b[K")
	}
}
