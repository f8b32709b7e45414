package chaos

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// nodes is the size of the cluster.
const nodes = 3

// cluster is three nodes on loopback.
type cluster struct {
	nodes [nodes]*node
	links *links
	http  *http.Client
	// leader is the node that last said that it leads the stream.
	leader atomic.Int32
	// quiet stops people from talking.
	quiet atomic.Bool
}

// newCluster makes the nodes and starts none.
func newCluster(program, folder string, complained func(string)) (*cluster, error) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	secretFile := filepath.Join(folder, "secret")
	if err := os.WriteFile(secretFile, []byte(hex.EncodeToString(secret)), 0o600); err != nil {
		return nil, err
	}
	addresses, err := freeAddresses(3 * nodes)
	if err != nil {
		return nil, err
	}
	// Dead connections of killed nodes must not be used again.
	c := &cluster{http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	c.leader.Store(-1)
	if c.links, err = newLinks(addresses[nodes:]); err != nil {
		return nil, err
	}
	for i := range c.nodes {
		data := filepath.Join(folder, fmt.Sprintf("node%d", i+1))
		if err := os.Mkdir(data, 0o700); err != nil {
			return nil, err
		}
		c.nodes[i] = &node{
			index: i, program: program, folder: data,
			listen: addresses[i], routes: c.links.routes[i], direct: c.links.direct[i], peers: strings.Join(c.links.peers(i), ","), secretFile: secretFile,
			led:        func(index int) { c.leader.Store(int32(index)) },
			complained: complained,
		}
	}
	return c, nil
}

// freeAddresses returns addresses of loopback that nothing listens on now.
func freeAddresses(n int) (addresses []string, err error) {
	for range n {
		l, err := listenSomewhere()
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}

// listenSomewhere listens on a port below those that the system chooses from for port 0 and for
// outgoing connections: it could give one of these to somebody else before it is used.
func listenSomewhere() (l net.Listener, err error) {
	for range 100 {
		if l, err = net.Listen("tcp", fmt.Sprint("127.0.0.1:", 20_000+mathrand.IntN(12_000))); err == nil {
			return l, nil
		}
	}
	return nil, err
}

func (c *cluster) start(indexes ...int) error {
	var failed error
	for _, i := range indexes {
		failed = errors.Join(failed, c.nodes[i].start())
	}
	return failed
}

// end ends nodes by a signal, all at once.
func (c *cluster) end(s syscall.Signal, indexes ...int) {
	for _, i := range indexes {
		c.nodes[i].doomed.Store(true)
		c.nodes[i].signal(s)
	}
	for _, i := range indexes {
		<-c.nodes[i].ended
	}
}

// close kills all nodes that were started.
func (c *cluster) close() {
	for _, n := range c.nodes {
		if n.cmd != nil && n.cmd.Process != nil && n.alive() {
			n.end(syscall.SIGKILL)
		}
	}
	c.links.close()
}

// ready waits until all nodes take people.
func (c *cluster) ready(ctx context.Context) error {
	for {
		failed := c.unready(ctx)
		if failed == nil {
			return nil
		}
		for _, n := range c.nodes {
			if !n.alive() && !n.doomed.Load() {
				return fmt.Errorf("node %d ended by itself: %v", n.index+1, n.cmd.ProcessState)
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("not all nodes are ready again: %w", failed)
		}
		pause(ctx, 100*time.Millisecond)
	}
}

func (c *cluster) unready(ctx context.Context) (failed error) {
	for i := range c.nodes {
		if _, err := c.request(ctx, i, "/readyz", http.StatusOK); err != nil {
			failed = errors.Join(failed, fmt.Errorf("node %d: %w", i+1, err))
		}
	}
	return failed
}

// request is a GET at a node, which must have the status.
func (c *cluster) request(ctx context.Context, node int, path string, status int) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.nodes[node].listen+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	_ = response.Body.Close()
	if response.StatusCode != status {
		return nil, fmt.Errorf("GET %s: status %d", path, response.StatusCode)
	}
	return response.Header, nil
}

// metric reads one of a node's, -1 if it does not answer.
func (c *cluster) metric(ctx context.Context, node int, name string) float64 {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.nodes[node].listen+"/metrics", nil)
	if err != nil {
		return -1
	}
	response, err := c.http.Do(request)
	if err != nil {
		return -1
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			if value, err := strconv.ParseFloat(text, 64); err == nil {
				return value
			}
		}
	}
	return -1
}

// owner returns the index of the node that owns a room, -1 if none is known to.
func (c *cluster) owner(ctx context.Context, roomID string) int {
	for asked := range c.nodes {
		header, err := c.request(ctx, asked, "/cluster/owner?roomId="+roomID, http.StatusNoContent)
		if err != nil {
			continue
		}
		for i, n := range c.nodes {
			if n.listen == header.Get("X-Usher-Node") {
				return i
			}
		}
	}
	return -1
}
