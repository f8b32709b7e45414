package cluster

import (
	"strings"
	"testing"
	"time"

	"usher/server/cluster/broker"
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
		err := skewError(now, now, now.Add(row.theirs), "node-b")
		if row.problem == "" && err != nil || row.problem != "" && (err == nil || err.Kind != broker.ErrClock ||
			!strings.Contains(err.Problem, row.problem) || !strings.Contains(err.Hint, "NTP")) {
			t.Errorf("%v: %+v", row.theirs, err)
		}
	}
	if err := skewError(now, now.Add(time.Hour), now.Add(time.Minute), ""); err != nil {
		t.Errorf("a reply that took an hour proves nothing: %v", err)
	}
}

func TestClockOfTheStreamsLeaderIsLookedAt(t *testing.T) {
	s := launch(t, Config{})
	if theirs, _, err := s.stream.Time(t.Context()); err != nil || time.Since(theirs).Abs() > maxSkew {
		t.Errorf("its time is %v, %v", theirs, err)
	}
}
