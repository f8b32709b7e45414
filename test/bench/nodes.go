package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// nodes are three ushers that are one cluster.
type nodes []*server

const nodeCount = 3

// nodesTimeout bounds the wait for a majority and for the shards to be shared out.
const nodesTimeout = 2 * time.Minute

// startNodes starts a cluster and waits until each node owns its share of the rooms.
func (w *workshop) startNodes(overNATS bool) (started nodes, err error) {
	if err := w.build(); err != nil {
		return nil, err
	}
	secret := filepath.Join(w.folder, "secret")
	if err := os.WriteFile(secret, []byte(rand.Text()), 0o600); err != nil {
		return nil, err
	}
	links := "127.0.0.1:0"
	if overNATS {
		links = "off"
	}
	var routes []string
	var addresses [2 * nodeCount]netip.AddrPort
	for i := range addresses {
		if addresses[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	for _, a := range addresses[nodeCount:] {
		routes = append(routes, a.String())
	}
	for i := range nodeCount {
		folder, err := os.MkdirTemp(w.folder, string(kindNode)+"-")
		if err != nil {
			return nil, err
		}
		s := &server{kind: kindNode, address: addresses[i], folder: folder, exited: make(chan struct{})}
		args := append(usherFlags(s.address.String(), filepath.Join(folder, "data")),
			"--cluster-listen", routes[i], "--cluster-link-listen", links, "--cluster-peers", strings.Join(routes, ","), "--cluster-secret-file", secret)
		if err := s.launch(w.program, append(args, w.extra...)); err != nil {
			started.stop()
			return nil, err
		}
		started = append(started, s)
	}
	if err := started.await(w.ctx); err != nil {
		err = started.explain(err)
		started.stop()
		return nil, err
	}
	return started, nil
}

func (n nodes) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, nodesTimeout)
	defer cancel()
	for {
		sum, least := 0, 1024
		for _, s := range n {
			shards := s.shards(ctx)
			sum, least = sum+shards, min(least, shards)
		}
		if sum == 1024 && least >= 1024/nodeCount {
			return nil
		}
		for _, s := range n {
			select {
			case <-s.exited:
				return fmt.Errorf("a node ended at once: %v", s.command.ProcessState)
			default:
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the nodes do not share the rooms: %w", context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// client asks the servers under test.
var client = http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}

func (s *server) ask(ctx context.Context, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address.String()+path, nil)
	if err != nil {
		return nil, err
	}
	return client.Do(request)
}

// shards is how many the node owns, 0 if it does not answer.
func (s *server) shards(ctx context.Context) int {
	response, err := s.ask(ctx, "/metrics")
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "usher_cluster_shards "); ok {
			n, _ := strconv.Atoi(text)
			return n
		}
	}
	return 0
}

// roomsOf makes ids of rooms that a node owns.
func (n nodes) roomsOf(ctx context.Context, node, count int) (ids []string, err error) {
	for i := 0; len(ids) < count; i++ {
		id := fmt.Sprintf("hops-%06d", i)
		response, err := n[0].ask(ctx, "/cluster/owner?roomId="+id)
		if err != nil {
			return nil, err
		}
		response.Body.Close()
		if response.StatusCode != http.StatusNoContent {
			return nil, fmt.Errorf("nobody owns %s: %s", id, response.Status)
		}
		if response.Header.Get("X-Usher-Node") == n[node].address.String() {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// cpu is the CPU time of all nodes.
func (n nodes) cpu() (sum time.Duration, err error) {
	for _, s := range n {
		cpu, err := cpuTime(s.pid)
		if err != nil {
			return 0, err
		}
		sum += cpu
	}
	return sum, nil
}

func (n nodes) stop() {
	for _, s := range n {
		s.command.Process.Kill() // nobody needs their rooms any more
	}
	for _, s := range n {
		<-s.exited
		os.RemoveAll(s.folder)
	}
}

// explain adds the ends of all logs to an error.
func (n nodes) explain(err error) error {
	if err == nil {
		return nil
	}
	for i, s := range n {
		err = fmt.Errorf("%w\nnode %d: %s", err, i+1, s.logTail())
	}
	return err
}
