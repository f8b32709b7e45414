package main

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// The bounds of one message at one level. Clients can cause the same message without end; messages
// at debug are for somebody who is watching.
const (
	repeatBurst, repeatEvery           = 50, 5 * time.Second
	debugRepeatBurst, debugRepeatEvery = 1000, 10 * time.Millisecond
	// repeatReportEvery is how often the omitted lines are reported.
	repeatReportEvery = time.Minute
	// maxRepeatKeys bounds how many messages are counted separately; messages are constants, so the
	// bound is never reached.
	maxRepeatKeys = 256
)

// repeats counts the lines of each message and level, and decides which of them are too many.
type repeats struct {
	to slog.Handler

	mu     sync.Mutex
	counts map[repeatKey]*repeatCount
	timer  *time.Timer // for the next report, nil without one
}

type repeatKey struct {
	level   slog.Level
	message string
}

// repeatCount is a token bucket: at the time since, allowance lines may be written.
type repeatCount struct {
	allowance float64
	since     time.Time
	leftOut   int
}

func newRepeats(to slog.Handler) *repeats {
	return &repeats{to: to, counts: make(map[repeatKey]*repeatCount)}
}

// allow counts a line and reports whether it may be written.
func (r *repeats) allow(level slog.Level, message string) bool {
	burst, every := repeatBurst, repeatEvery
	if level < slog.LevelInfo {
		burst, every = debugRepeatBurst, debugRepeatEvery
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	key := repeatKey{level, message}
	c := r.counts[key]
	if c == nil && len(r.counts) >= maxRepeatKeys {
		key.message = "other"
		c = r.counts[key]
	}
	if c == nil {
		c = &repeatCount{allowance: float64(burst), since: now}
		r.counts[key] = c
	}
	c.allowance = min(float64(burst), c.allowance+float64(now.Sub(c.since))/float64(every))
	c.since = now
	if c.allowance >= 1 {
		c.allowance--
		return true
	}
	c.leftOut++
	if r.timer == nil {
		r.timer = time.AfterFunc(repeatReportEvery, r.report)
	}
	return false
}

// report writes how many lines were omitted since the last report.
func (r *repeats) report() {
	leftOut := make(map[repeatKey]int)
	r.mu.Lock()
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
	for key, c := range r.counts {
		if c.leftOut > 0 {
			leftOut[key], c.leftOut = c.leftOut, 0
		}
	}
	r.mu.Unlock()
	for key, lines := range leftOut {
		record := slog.NewRecord(time.Now(), key.level, "log lines left out", 0)
		record.Add("message", key.message, "lines", lines)
		_ = r.to.Handle(context.Background(), record)
	}
}

// boundedHandler omits lines that repeat too often.
type boundedHandler struct {
	slog.Handler
	repeats *repeats
}

func (h *boundedHandler) Handle(ctx context.Context, record slog.Record) error {
	if !h.repeats.allow(record.Level, record.Message) {
		return nil
	}
	return h.Handler.Handle(ctx, record)
}

func (h *boundedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &boundedHandler{h.Handler.WithAttrs(attrs), h.repeats}
}

func (h *boundedHandler) WithGroup(name string) slog.Handler {
	return &boundedHandler{h.Handler.WithGroup(name), h.repeats}
}
