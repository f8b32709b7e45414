package cluster

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"usher/server/cluster/lease"
	"usher/server/cluster/link"
	"usher/server/cluster/stream"
)

// statusTimeout bounds what a status waits for the stream.
const statusTimeout = 2 * time.Second

// Status is the cluster as one node knows it: the response of GET /cluster/status.
type Status struct {
	// Node is the id of the one that was asked, and Problem why it is not ready, "" if it is.
	Node    string `json:"node"`
	Problem string `json:"problem,omitempty"`
	// Shards is how many there are, and Unowned how many of them nobody owns.
	Shards  int          `json:"shards"`
	Unowned int          `json:"unowned"`
	Nodes   []NodeStatus `json:"nodes"`
	// Copies are those of the stream; StreamProblem is why they are not known.
	Copies        []stream.Copy `json:"copies"`
	StreamProblem string        `json:"streamProblem,omitempty"`
}

// NodeStatus is one node.
type NodeStatus struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	// State is "lives", "drains" or "gone".
	State  string `json:"state"`
	Shards int    `json:"shards"`
	// Link is how the node that was asked sends frames to this one: LinkDirect or LinkNATS, "" if
	// no link is open.
	Link string `json:"link,omitempty"`
}

// Status asks the stream for its copies, and knows the rest.
func (n *Node) Status(ctx context.Context) Status {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	s := Status{Shards: lease.Shards}
	if err := n.Ready(); err != nil {
		s.Problem = err.Error()
	}
	owned := make(map[string]int)
	for i := range n.places {
		if owner := n.places[i].Load().Owner; owner.ID != "" {
			owned[owner.ID]++
		} else {
			s.Unowned++
		}
	}
	var incarnations []link.Incarnation
	n.mu.Lock()
	s.Node = n.lease.Self().ID
	n.lease.Each(func(id string, r lease.Record) {
		state := "lives"
		switch {
		case r.Evicted:
			state = "gone"
		case r.Draining:
			state = "drains"
		}
		s.Nodes = append(s.Nodes, NodeStatus{ID: id, Address: r.Address, State: state, Shards: owned[id]})
		incarnations = append(incarnations, link.Incarnation{ID: id, Nonce: r.Nonce})
	})
	n.mu.Unlock()
	for i, other := range incarnations {
		s.Nodes[i].Link = n.linkWith(other)
	}
	var err error
	if s.Copies, err = n.stream.Copies(ctx); err != nil {
		s.StreamProblem = err.Error()
	}
	return s
}

// ServeStatus is GET /cluster/status.
func (n *Node) ServeStatus(w http.ResponseWriter, r *http.Request) {
	respond(w, http.StatusOK, n.Status(r.Context()))
}

func respond(w http.ResponseWriter, status int, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic("cluster: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}
