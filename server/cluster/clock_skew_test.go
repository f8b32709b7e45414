package cluster

import (
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"usher/server/cluster/broker"
	"usher/server/servertest"
)

// Rooms would end an hour early or late when their owner changes.
func TestClocksThatDifferAreReported(t *testing.T) {
	now := time.Now()
	for _, row := range []struct {
		theirs  time.Duration
		problem string
	}{
		{0, ""},
		{time.Minute, ""},
		{-time.Minute, ""},
		{time.Hour, "1h0m0s behind that of node-b"},
		{-time.Hour, "1h0m0s ahead of that of node-b"},
		{-maxSkew - time.Second, "2m1s ahead of that of node-b"},
	} {
		err := skewError(skew(now, now, now.Add(row.theirs)), "node-b")
		if row.problem == "" && err != nil || row.problem != "" && (err == nil || err.Kind != broker.ErrClock ||
			!strings.Contains(err.Problem, row.problem) || !strings.Contains(err.Hint, "NTP")) {
			t.Errorf("%v: %+v", row.theirs, err)
		}
	}
	if ahead := skew(now, now.Add(time.Hour), now.Add(time.Minute)); ahead != 0 {
		t.Errorf("a reply that took an hour proves nothing, not %v", ahead)
	}
}

// A node that starts with such a clock would judge deadlines by it.
func TestANodeWhoseClockIsWrongRefusesToStart(t *testing.T) {
	for _, off := range []time.Duration{-3 * time.Hour, 3 * time.Hour} {
		n, err := Open(t.Context(), peerless(t, Config{wall: func() time.Time { return time.Now().Add(off) }}))
		var known *broker.Error
		if !errors.As(err, &known) || known.Kind != broker.ErrClock || !strings.Contains(known.Hint, "NTP") {
			t.Errorf("off by %v: %v", off, err)
		}
		if err == nil {
			n.Close()
		}
	}
}

// One that runs goes on, because its rooms go by the time of its start, and tells whoever operates
// it.
func TestAClockThatBecomesWrongIsShown(t *testing.T) {
	var log servertest.LogBuffer
	var off atomic.Int64
	s := launch(t, Config{
		wall: func() time.Time { return time.Now().Add(time.Duration(off.Load())) },
		Log:  slog.New(slog.NewTextHandler(&log, nil)),
	})
	off.Store(int64(-time.Hour))
	s.check(t.Context())
	if text := log.String(); !strings.Contains(text, "the clocks of two machines differ") || !strings.Contains(text, "NTP") {
		t.Error(text)
	}
	ahead := time.Duration(s.counts.skew.Load())
	if (ahead + time.Hour).Abs() > maxSkew {
		t.Errorf("it is shown as %v ahead", ahead)
	}
	if err := s.Ready(); err != nil {
		t.Error(err)
	}
}

func TestClockOfTheStreamsLeaderIsLookedAt(t *testing.T) {
	s := launch(t, Config{})
	if theirs, _, err := s.stream.Time(t.Context()); err != nil || time.Since(theirs).Abs() > maxSkew {
		t.Errorf("its time is %v, %v", theirs, err)
	}
}
