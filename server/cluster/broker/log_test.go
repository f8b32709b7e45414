package broker

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"usher/server/servertest"
)

// Repeated warnings are counted, and a first one says nothing of a count.
func TestWarningsAreRepeatedOnceAMinute(t *testing.T) {
	var out servertest.LogBuffer
	l := newServerLog(slog.New(slog.NewTextHandler(&out, nil)), func() {})
	for range 5 {
		l.Warnf("a disk is slow")
		l.Errorf("TLS route handshake error: %v", "bad certificate")
	}
	if text := out.String(); strings.Count(text, "\n") != 2 || strings.Contains(text, "skipped") {
		t.Errorf("logged:\n%s", text)
	}
	for _, s := range l.said {
		s.at = s.at.Add(-repeatAfter - time.Second)
	}
	out.Reset()
	l.Warnf("a disk is slow")
	l.Errorf("TLS route handshake error: %v", "bad certificate")
	if text := out.String(); strings.Count(text, "skipped=4") != 2 {
		t.Errorf("logged:\n%s", text)
	}
}
