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

// nats-server passes warnings whose rate it limits as "%s". They are told apart nevertheless, and
// what belongs to every start is no warning.
func TestWarningsOfLimitedRateAreToldApart(t *testing.T) {
	var out servertest.LogBuffer
	l := newServerLog(slog.New(slog.NewTextHandler(&out, nil)), func() {})
	for _, text := range []string{"Waiting for routing to be established...", "the disk took 5s", "the disk took 6s", "a consumer is slow"} {
		l.Warnf("%s", text)
	}
	text := out.String()
	for _, want := range []string{`level=INFO msg="Waiting for routing`, `level=WARN msg="the disk took 5s"`, `level=WARN msg="a consumer is slow"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing:\n%s", want, text)
		}
	}
	if strings.Count(text, "\n") != 3 {
		t.Errorf("logged:\n%s", text)
	}
}
