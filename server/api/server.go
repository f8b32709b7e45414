package api

import (
	_ "embed"
	"net/http"

	"usher/server/metrics"
)

// Server is what a server does.
type Server struct {
	Node      string          `json:"node,omitempty" doc:"The node's id in the cluster."`
	StartedAt int64           `json:"startedAt" doc:"When it started, in ms since 1970."`
	Now       int64           `json:"now" doc:"Its clock."`
	NotReady  string          `json:"notReady,omitempty" doc:"The code with which new rooms are refused now; missing if they are welcome."`
	Counts    metrics.Summary `json:"counts" doc:"What it has counted."`
	Memory    Memory          `json:"memory" doc:"Its memory."`
	Store     Store           `json:"store" doc:"Its store."`
	Cluster   *Cluster        `json:"cluster,omitempty" doc:"The cluster as this node knows it; missing without one."`
}

// Memory is what a process uses.
type Memory struct {
	LiveBytes  int64 `json:"liveBytes" doc:"Bytes in use, without garbage."`
	BoundBytes int64 `json:"boundBytes" doc:"The bound that newcomers are refused near; 0 for none."`
	IsFull     bool  `json:"isFull" doc:"Whether newcomers are refused now."`
	Goroutines int   `json:"goroutines" doc:"Goroutines."`
}

// Store is the state of the room store.
type Store struct {
	Accepts bool `json:"accepts" doc:"Whether changes are accepted."`
	Healthy bool `json:"healthy" doc:"Whether what is saved is stored in time."`
}

// Cluster is the cluster as a node knows it.
type Cluster struct {
	Shards  int    `json:"shards" doc:"How many shards there are."`
	Unowned int    `json:"unowned" doc:"How many of them nobody owns."`
	Problem string `json:"problem,omitempty" doc:"Why this node is not ready."`
	Nodes   []Node `json:"nodes" doc:"The nodes."`
}

// Node is a node of the cluster.
type Node struct {
	ID      string `json:"id" doc:"Its id."`
	Address string `json:"address" doc:"Where balancers reach it."`
	State   string `json:"state" enum:"lives,drains,gone" doc:"What it is doing."`
	Shards  int    `json:"shards" doc:"How many shards it owns."`
}

// Drain is the body of POST /drain.
type Drain struct {
	Node string `json:"node,omitempty" doc:"The node to drain; this server if it is missing."`
}

func (a *API) readServer(q *request) (any, *failure) { return a.config.Server(q.Context()), nil }

func (a *API) drain(q *request) (any, *failure) {
	if refusal := a.config.Drain(q.body.(*Drain).Node); refusal != "" {
		return nil, &failure{refusal, ""}
	}
	return nil, nil
}

// document is what package generate has made of the table.
//
//go:generate go run ./generate
//go:embed openapi.json
var document []byte

// Document returns the OpenAPI document.
func Document() []byte { return document }

func serveDocument(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(document)
}
