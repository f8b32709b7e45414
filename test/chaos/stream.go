package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	usher "usher/room"
	"usher/server/cluster/broker"
	"usher/server/cluster/stream"
	"usher/server/store"
)

// readStream kills all nodes at once, while people talk, and reads what is on their disks: whatever
// anybody was shown must be there. Nobody but the three NATS servers runs then, in this process.
func (c *campaign) readStream(ctx context.Context, stopPeople func()) error {
	c.mu.Lock()
	c.kindNow = "the end"
	c.mu.Unlock()
	c.cluster.quiet.Store(false)
	if err := c.settle(ctx); err != nil {
		return err
	}
	c.cluster.end(syscall.SIGKILL, 0, 1, 2)
	stopPeople()
	brokers, err := c.openBrokers()
	defer func() {
		for _, b := range brokers {
			if b != nil {
				b.Close()
			}
		}
	}()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, maxStart)
	defer cancel()
	if err := brokers[0].Ready(ctx); err != nil {
		return err
	}
	records, err := recordsOf(ctx, brokers[0])
	if err != nil {
		return err
	}
	for _, r := range c.rooms {
		record, ok := records[r.id]
		if !ok {
			c.violation("%s is not in the stream", r.id)
			continue
		}
		state, err := stateIn(r.id, record.Snapshot)
		if err != nil {
			c.violation("%s in the stream: %v", r.id, err)
			continue
		}
		r.lookInStream(state)
		if c.inspect != nil {
			c.inspect(r.id, record.Snapshot)
		}
	}
	fmt.Fprintf(c.out, "all %d rooms were looked up in the stream, after all nodes were killed at once\n", len(c.rooms))
	return nil
}

// openBrokers starts the NATS servers on the folders of the nodes.
func (c *campaign) openBrokers() (brokers [nodes]*broker.Broker, err error) {
	secret, err := os.ReadFile(c.cluster.nodes[0].secretFile)
	if err != nil {
		return brokers, err
	}
	var starting sync.WaitGroup
	var failed [nodes]error
	for i, n := range c.cluster.nodes {
		starting.Go(func() {
			brokers[i], failed[i] = broker.Open(broker.Config{
				Listen: n.routes, Advertise: c.cluster.links.to[i][i], Peers: c.cluster.links.peers(i), Secret: secret,
				Dir: filepath.Join(n.folder, "cluster"), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
			})
		})
	}
	starting.Wait()
	return brokers, errors.Join(failed[:]...)
}

// recordsOf reads the records of all rooms.
func recordsOf(ctx context.Context, b *broker.Broker) (map[string]store.Record, error) {
	s, err := stream.Open(ctx, stream.Config{
		Conn: b.Conn(), Replicas: nodes, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Term: func(int) (stream.Term, bool) { return stream.Term{}, true }, // only to read
	})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	records := map[string]store.Record{}
	err = s.All(ctx, func(id string, r store.Record) error {
		records[id] = r
		return nil
	})
	return records, err
}

// stateIn is what people would be told of a room that is restored from a snapshot.
func stateIn(id string, snapshot []byte) (*roomState, error) {
	config := usher.DefaultConfig()
	r, err := usher.Restore(&config, id, snapshot)
	if err != nil {
		return nil, err
	}
	told := r.State()
	state := &roomState{Name: told.Name, HostID: told.HostID}
	for _, user := range told.Users {
		state.Users = append(state.Users, userState{user.ID, user.Name, user.Role.String(), user.IsConnected})
	}
	return state, nil
}
