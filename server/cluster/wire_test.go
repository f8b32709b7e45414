package cluster

import (
	"errors"
	"strings"
	"testing"

	"usher/server/cluster/broker"
	"usher/server/cluster/lease"
	"usher/server/cluster/link"
	"usher/server/cluster/stream"
)

// A node that could exchange no messages with one that lives does not start.
func TestANodeOfAReleaseTooFarAwayRefusesToStart(t *testing.T) {
	s := launch(t, Config{wire: link.Wire{Min: 1, Max: 2}})
	for _, row := range []struct {
		speaks  link.Wire
		refused bool
	}{
		{link.Wire{Min: 1, Max: 1}, false},
		{link.Wire{Min: 2, Max: 3}, false},
		{link.Wire{Min: 3, Max: 4}, true},
	} {
		other := &Node{config: Config{wire: row.speaks}, stream: s.stream, log: s.log}
		err := other.checkWire(t.Context(), "b")
		var known *broker.Error
		if errors.As(err, &known) != row.refused || err != nil && !row.refused {
			t.Errorf("%v: %v", row.speaks, err)
		}
		if known != nil && (known.Kind != broker.ErrVersion || !strings.Contains(known.Problem, "1 to 2") || known.Hint == "") {
			t.Errorf("%v: %+v", row.speaks, known)
		}
	}
}

// The dead would keep a whole cluster from being upgraded.
func TestTheDeadSpeakNoVersion(t *testing.T) {
	s := launch(t, Config{})
	record := lease.Record{Nonce: 1, Counter: 1, MinWire: 7, MaxWire: 8}
	s.put(stream.NodeKey("dead"), 0, record.Append(nil, "dead"))
	if err := s.checkWire(t.Context(), "a"); err != nil {
		t.Error(err)
	}
}
