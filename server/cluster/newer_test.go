package cluster

import (
	"log/slog"
	"strings"
	"testing"

	"usher/server/cluster/lease"
	"usher/server/cluster/stream"
	"usher/server/servertest"
)

// A node of a newer format is let be: nothing is concluded from what cannot be read, and an
// operator is told once for each record.
func TestANodeOfANewerFormatIsLetBe(t *testing.T) {
	var log servertest.LogBuffer
	s := launch(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	for version, id := range map[byte]string{2: "one-newer", 3: "two-newer"} {
		s.put(stream.NodeKey(id), 0, []byte{version, 0, 0, 0})
	}
	servertest.Eventually(t, "both are reported", func() bool { return strings.Count(log.String(), "a key of the cluster cannot be read") == 2 })
	for _, part := range []string{"key=node.one-newer", "key=node.two-newer", "upgrade this node"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("no %q in the log", part)
		}
	}
	s.ownsAll()
	reading, err := s.stream.Nodes(t.Context())
	if err != nil || len(reading.Entry(stream.NodeKey("one-newer")).Value) != 4 {
		t.Errorf("its record was changed: %+v, %v", reading, err)
	}
}

// Balancers would send the people of one node's rooms to the other.
func TestANodeAtTheSameAddressIsReported(t *testing.T) {
	var log servertest.LogBuffer
	s := launch(t, Config{Address: "node.example:80", Log: slog.New(slog.NewTextHandler(&log, nil))})
	for id, address := range map[string]string{"other": "other.example:80", "twin": "node.example:80"} {
		record := lease.Record{Nonce: 1, Counter: 1, MinWire: 1, MaxWire: 1, Address: address}
		s.put(stream.NodeKey(id), 0, record.Append(nil, id))
	}
	servertest.Eventually(t, "both have joined", func() bool { return strings.Count(log.String(), "a node joined") == 2 })
	if text := log.String(); strings.Count(text, "the same address") != 1 || !strings.Contains(text, "other=twin") {
		t.Error(text)
	}
}
