package main

import (
	"bytes"
	"io"
	"log/slog"
	"sync"
	"time"
)

var logLevels = map[choice]slog.Level{
	"debug": slog.LevelDebug,
	"info":  slog.LevelInfo,
	"warn":  slog.LevelWarn,
	"error": slog.LevelError,
}

// logger writes to w. Repeated lines are bounded: see repeats.
func (s *settings) logger(w io.Writer) (*slog.Logger, *repeats) {
	options := &slog.HandlerOptions{Level: logLevels[s.LogLevel]}
	var handler slog.Handler = slog.NewTextHandler(w, options)
	if s.LogFormat == "json" {
		handler = slog.NewJSONHandler(w, options)
	}
	repeats := newRepeats(handler)
	return slog.New(&boundedHandler{handler, repeats}), repeats
}

// openLog returns a log that never blocks the server. closeLog writes what has not been written
// yet.
func (s *settings) openLog(out io.Writer) (log *slog.Logger, closeLog func()) {
	w := newLogWriter(out, func(lines int) { log.Warn("log lines were lost", "lines", lines) })
	log, repeats := s.logger(w)
	return log, func() {
		repeats.report()
		w.close(logFlushTimeout)
	}
}

const (
	// maxLogBacklogBytes bounds the lines that wait for a log that is written too slowly.
	maxLogBacklogBytes = 1 << 20
	// logFlushTimeout is how long the process waits for such a log before it ends.
	logFlushTimeout = time.Second
)

// logWriter writes lines from a goroutine of its own, so that a log that nobody reads (a full pipe,
// a stopped terminal) never blocks the server. Lines that cannot be written are counted and
// dropped.
type logWriter struct {
	out io.Writer
	// onLost receives the number of lines that were lost, once lines can be written again. It may
	// write.
	onLost func(lines int)

	mu      sync.Mutex
	wake    sync.Cond // signals that waiting has lines, or closed
	waiting []byte
	lost    int
	closed  bool
	// busy is set while lines are being written. idle is closed when nothing waits and nothing is
	// being written.
	busy bool
	idle chan struct{}
}

func newLogWriter(out io.Writer, onLost func(lines int)) *logWriter {
	w := &logWriter{out: out, onLost: onLost, idle: make(chan struct{})}
	w.wake.L = &w.mu
	close(w.idle)
	go w.run()
	return w
}

// Write takes one line and never waits. It never fails, because nobody could receive the error.
func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting)+len(line) > maxLogBacklogBytes {
		w.lost++
		return len(line), nil
	}
	if len(w.waiting) == 0 && !w.busy {
		w.idle = make(chan struct{})
	}
	w.waiting = append(w.waiting, line...)
	w.wake.Signal()
	return len(line), nil
}

// close waits, up to a time-out, until everything is written. Nothing may be written after it.
func (w *logWriter) close(timeout time.Duration) {
	w.mu.Lock()
	w.closed = true
	w.wake.Signal()
	idle := w.idle
	w.mu.Unlock()
	select {
	case <-idle:
	case <-time.After(timeout):
	}
}

// run writes the waiting lines, until close.
func (w *logWriter) run() {
	var lines []byte
	torn := false // the last write ended in the middle of a line
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		for len(w.waiting) == 0 {
			if w.closed {
				return
			}
			w.wake.Wait()
		}
		lines, w.waiting, w.busy = w.waiting, lines[:0], true
		w.mu.Unlock()
		written := 0
		if torn {
			_, err := w.out.Write([]byte("\n"))
			torn = err != nil
		}
		if !torn {
			written, _ = w.out.Write(lines)
			torn = written > 0 && lines[written-1] != '\n'
		}
		w.mu.Lock()
		w.lost += bytes.Count(lines[written:], []byte("\n"))
		if lost := w.lost; lost > 0 && written == len(lines) {
			w.lost = 0
			w.mu.Unlock()
			w.onLost(lost)
			w.mu.Lock()
		}
		if w.busy = false; len(w.waiting) == 0 {
			close(w.idle)
		}
	}
}
