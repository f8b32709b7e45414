package broker

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// repeatAfter is how long a warning of one kind is silent after it was logged.
const repeatAfter = time.Minute

// serverLog passes what nats-server reports to slog: its notices, which are many at each start, at
// debug level, changes of leader at info, and warnings of one kind once a minute.
type serverLog struct {
	log *slog.Logger
	// refused is called for each peer that was refused, or refused us, because of its certificate,
	// password or cluster name.
	refused func()

	mu    sync.Mutex
	said  map[string]*saying
	fatal string
	// critical is the last error of a disk.
	critical string
}

// saying is one kind of warning.
type saying struct {
	at      time.Time
	skipped int
}

func newServerLog(log *slog.Logger, refused func()) *serverLog {
	return &serverLog{log: log.With("part", "nats"), refused: refused, said: make(map[string]*saying)}
}

// Noticef is at info level only if a leader has changed.
func (l *serverLog) Noticef(format string, v ...any) {
	level := slog.LevelDebug
	if strings.Contains(format, "new stream leader") || strings.Contains(format, "new metadata leader") {
		level = slog.LevelInfo
	}
	l.write(level, format, v)
}

// Debugf is at debug level, which is on only if the logger's is.
func (l *serverLog) Debugf(format string, v ...any) { l.write(slog.LevelDebug, format, v) }

// Tracef drops everything: traces hold what clients sent.
func (l *serverLog) Tracef(string, ...any) {}

// Warnf is at warning level, except for what belongs to every start.
func (l *serverLog) Warnf(format string, v ...any) {
	level, kind := slog.LevelWarn, messageKind(format, v)
	if strings.Contains(kind, "Waiting for routing") || strings.Contains(kind, "not established contact with a meta leader") {
		level = slog.LevelInfo
	}
	l.warn(level, kind, format, v)
}

// Errorf is at error level, except for a peer that is down, and for one that is refused, which is
// the peer's error.
func (l *serverLog) Errorf(format string, v ...any) {
	kind := messageKind(format, v)
	if isRefusal(kind) {
		l.refused()
		if skipped, due := l.due("refused"); due {
			l.log.Warn("a cluster peer and this node refused each other: they have different secrets or certificates", append(skipped,
				"cause", fmt.Sprintf(format, v...),
				"hint", "the cluster's secret is the same on every node; if nobody has changed it, a stranger tries the port")...)
		}
		return
	}
	if strings.Contains(kind, "ritical write error") {
		l.mu.Lock()
		l.critical = fmt.Sprintf(format, v...)
		l.mu.Unlock()
	}
	level := slog.LevelError
	if strings.Contains(kind, "to connect to route") { // a peer is down
		level = slog.LevelWarn
	}
	l.warn(level, kind, format, v)
}

// Fatalf is at error level. The process goes on; Open fails.
func (l *serverLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	l.fatal = fmt.Sprintf(format, v...)
	l.mu.Unlock()
	l.warn(slog.LevelError, messageKind(format, v), format, v)
}

// lastCritical is the last error of a disk.
func (l *serverLog) lastCritical() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return cmp.Or(l.critical, "the log says why")
}

// lastFatal is what Fatalf was told last.
func (l *serverLog) lastFatal() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}

// messageKind is what messages of one kind have in common: their format, or of one that comes as
// "%s", because nats-server limits its rate by itself, the text without its numbers.
func messageKind(format string, v []any) string {
	if format != "%s" || len(v) != 1 {
		return format
	}
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return -1
		}
		return r
	}, fmt.Sprint(v[0]))
}

// isRefusal knows the messages by which nats-server reports a peer of another cluster.
func isRefusal(format string) bool {
	for _, part := range []string{"TLS route handshake error", "TLS %s handshake error", "does not match %q", "authentication error", "Authorization Violation"} {
		if strings.Contains(format, part) {
			return true
		}
	}
	return false
}

func (l *serverLog) write(level slog.Level, format string, v []any) {
	if l.log.Enabled(context.Background(), level) {
		l.log.Log(context.Background(), level, fmt.Sprintf(format, v...))
	}
}

func (l *serverLog) warn(level slog.Level, kind, format string, v []any) {
	if strings.Contains(kind, "Parse Error") { // what could not be read follows
		kind = "Parse Error"
	}
	if at := strings.LastIndex(kind, " - "); at >= 0 { // a connection's address and number
		kind = kind[at:]
	}
	if skipped, due := l.due(kind); due {
		l.log.Log(context.Background(), level, fmt.Sprintf(format, v...), skipped...)
	}
}

// due reports whether a warning of a kind is to be logged, and as an attribute how many were not
// since the last, if any.
func (l *serverLog) due(kind string) (skipped []any, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.said[kind]
	if s == nil {
		if len(l.said) > 1000 {
			clear(l.said)
		}
		s = new(saying)
		l.said[kind] = s
	}
	if !s.at.IsZero() && time.Since(s.at) < repeatAfter {
		s.skipped++
		return nil, false
	}
	if s.skipped > 0 {
		skipped = []any{"skipped", s.skipped}
	}
	*s = saying{at: time.Now()}
	return skipped, true
}
