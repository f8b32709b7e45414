package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"usher/server/cluster"
	"usher/server/cluster/broker"
	"usher/server/servertest"
)

// drainRequest asks a node to drain one.
func drainRequest(t *testing.T, n *running, id, authorization string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.url("/cluster/drain?node="+id), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", authorization)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func statusOf(t *testing.T, n *running) (status cluster.Status) {
	t.Helper()
	if err := json.Unmarshal([]byte(get(t, n, "/cluster/status")), &status); err != nil {
		t.Fatal(err)
	}
	return status
}

// Any node shows all of them, and whoever has the secret can drain one by way of another.
func TestOperatorSeesAndDrainsNodes(t *testing.T) {
	t.Parallel()
	nodes := launchCluster(t)
	servertest.Eventually(t, "all nodes and current copies are shown", func() bool {
		s := statusOf(t, nodes[0])
		healthy := s.Node == "node-1" && s.Problem == "" && s.Unowned == 0 && len(s.Nodes) == 3 && len(s.Copies) == 3 && s.Copies[0].Leads
		for _, c := range s.Copies {
			healthy = healthy && c.Current && !c.Offline
		}
		for i, n := range s.Nodes {
			healthy = healthy && n.ID == [...]string{"node-1", "node-2", "node-3"}[i] && n.State == "lives" && n.Shards >= s.Shards/3
		}
		return healthy
	})
	secret := "Bearer " + broker.OperatorToken([]byte("a secret of at least 16 bytes"))
	for _, row := range []struct {
		id, authorization string
		want              int
	}{
		{"node-2", "", http.StatusUnauthorized},
		{"node-2", "Bearer x", http.StatusUnauthorized},
		{"node-2", "Bearer a secret of at least 16 bytes", http.StatusUnauthorized},
		{"node-2", secret[len("Bearer "):], http.StatusUnauthorized},
		{"node 2", secret, http.StatusBadRequest},
		{"node-4", secret, http.StatusNotFound},
		{"node-2", secret, http.StatusAccepted},
	} {
		if row.id == "node 2" {
			row.id = "node+2"
		}
		if got := drainRequest(t, nodes[0], row.id, row.authorization); got != row.want {
			t.Errorf("draining %s with %q is %d, want %d", row.id, row.authorization, got, row.want)
		}
	}
	servertest.Eventually(t, "the others have the shards of the drained node", func() bool {
		s := statusOf(t, nodes[2])
		for _, n := range s.Nodes {
			if n.ID == "node-2" && (n.State != "gone" || n.Shards != 0) {
				return false
			}
		}
		return s.Unowned == 0
	})
}

// A node that has no copy of the stream, or whose id another one has, does not start: it would have
// nothing to keep rooms with, or would take the other's lease.
func TestANodeWithoutAPlaceIsRefused(t *testing.T) {
	t.Parallel()
	nodes := launchCluster(t)
	peers := nodes[0].config.Cluster.Embedded.Peers
	open := func(id string) error {
		address := servertest.FreeAddresses(t, 1)[0]
		config := DefaultConfig()
		config.Listen, config.DataDir, config.Log = "127.0.0.1:0", t.TempDir(), slog.New(slog.DiscardHandler)
		config.Cluster = &cluster.Config{StartTimeout: servertest.Patience, Embedded: &broker.Config{
			NodeID: id, Listen: address, Peers: []string{peers[0], peers[1], address}, Dir: t.TempDir(),
			Secret: []byte("a secret of at least 16 bytes"),
		}}
		s, err := New(config)
		if err == nil {
			_ = s.Close()
		}
		return err
	}
	if err := open("node-3"); !errors.Is(err, broker.ErrFolder) || !strings.Contains(fmt.Sprint(err), "node-3.test:80") {
		t.Errorf("a second node-3: %v", err)
	}
	if err := open("node-4"); !errors.Is(err, broker.ErrPeers) {
		t.Errorf("a fourth node: %v", err)
	}
}
