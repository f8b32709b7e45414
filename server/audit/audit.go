// Package audit writes down what hosts, cohosts and the operator do: a JSON object a line, a
// report.Event. It never makes a room wait: lines that cannot be written are counted and lost.
package audit

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"sync"

	"usher/room"
	"usher/server/metrics"
	"usher/server/report"
)

// maxWaitingBytes bounds the lines that wait for the file, some 5 000.
const maxWaitingBytes = 1 << 20

// Stdout is the path of the standard output.
const Stdout = "-"

// Config says where the log is.
type Config struct {
	// Path is the file, which is made with mode 0600 and appended to, or Stdout.
	Path string
	// Names includes the names that people and rooms have. Otherwise people are known by their ids
	// only.
	Names bool
	// Metrics counts the lines.
	Metrics *metrics.Audit
	// Log receives the first of several failures.
	Log *slog.Logger
}

// Log is an open audit log. Its methods may be called from any goroutine.
type Log struct {
	config Config

	mu      sync.Mutex
	waiting []byte
	closing bool
	wake    chan struct{} // holds one
	stopped chan struct{}

	// file is used by one goroutine at a time.
	file struct {
		sync.Mutex
		*os.File
		// torn is set if the last line is not whole, and failing while writes fail.
		torn, failing bool
	}
}

// Open opens the log, and makes the file if it is missing.
func Open(config Config) (*Log, error) {
	l := &Log{config: config, wake: make(chan struct{}, 1), stopped: make(chan struct{})}
	if err := l.Reopen(); err != nil {
		return nil, err
	}
	go l.run()
	return l, nil
}

// Reopen opens the file again, because it may have been renamed. If that fails, the one that is
// open stays in use.
func (l *Log) Reopen() error {
	if l.config.Path == Stdout {
		l.file.File = os.Stdout
		return nil
	}
	file, err := os.OpenFile(l.config.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	l.file.Lock()
	defer l.file.Unlock()
	if l.file.File != nil {
		_ = l.file.Close()
	}
	l.file.File, l.file.torn = file, false
	return nil
}

// Happened implements rooms.Observer. Only what somebody has done is written, not what follows from
// it.
func (l *Log) Happened(roomID string, occurrences []*room.Occurrence) {
	for _, o := range occurrences {
		if o.Kind == room.UserLeft || o.Kind == room.HostChanged && o.Reason == room.ReasonSucceeded {
			continue
		}
		if e := report.New(roomID, o); e.Data.Actor != nil {
			l.Write(e)
		}
	}
}

// Write writes an act that belongs to no occurrence. It does not wait.
func (l *Log) Write(e report.Event) {
	if !l.config.Names {
		e.Data.UserName, e.Data.RoomName = "", ""
	}
	line, err := json.Marshal(e)
	if err != nil {
		panic("audit: " + err.Error()) // an Event has nothing that cannot be encoded
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing || len(l.waiting)+len(line) >= maxWaitingBytes {
		l.config.Metrics.Lost.Add(1)
		return
	}
	l.waiting = append(append(l.waiting, line...), '\n')
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Close writes what waits, and closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	wasClosing := l.closing
	l.closing = true
	if !wasClosing {
		close(l.wake)
	}
	l.mu.Unlock()
	<-l.stopped
	l.file.Lock()
	defer l.file.Unlock()
	if wasClosing || l.file.File == os.Stdout {
		return nil
	}
	return l.file.Close()
}

// run writes what waits until the log is closed.
func (l *Log) run() {
	defer close(l.stopped)
	var spare []byte
	for range l.wake {
		l.mu.Lock()
		lines := l.waiting
		l.waiting = spare[:0]
		l.mu.Unlock()
		l.put(lines)
		spare = lines
	}
	l.put(l.waiting) // nothing more is added
}

// put writes whole lines.
func (l *Log) put(lines []byte) {
	if len(lines) == 0 {
		return
	}
	l.file.Lock()
	defer l.file.Unlock()
	whole := bytes.Count(lines, []byte{'\n'})
	if l.file.torn {
		lines = append([]byte{'\n'}, lines...)
	}
	n, err := l.file.Write(lines)
	written := whole
	if err != nil {
		written = bytes.Count(lines[:n], []byte{'\n'})
		if l.file.torn && n > 0 {
			written--
		}
	}
	if n > 0 {
		l.file.torn = lines[n-1] != '\n'
	}
	l.config.Metrics.Written.Add(uint64(written))
	l.config.Metrics.Lost.Add(uint64(whole - written))
	switch {
	case err != nil && !l.file.failing:
		l.config.Log.Error("the audit log cannot be written; lines are lost until it can", "error", err)
	case err == nil && l.file.failing:
		l.config.Log.Info("the audit log is written again")
	}
	l.file.failing = err != nil
}
