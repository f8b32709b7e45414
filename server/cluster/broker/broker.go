package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// account is the embedded server's account of all data.
const account = server.DEFAULT_GLOBAL_ACCOUNT

// Broker is a node's NATS. Open or Connect make it; Close ends it. Its methods may be called from
// any goroutine.
type Broker struct {
	log    *slog.Logger
	node   string
	peers  int
	server *server.Server // nil if external
	logged *serverLog
	folder *folder

	// options make a connection, and system one to the system account; nil means there is none.
	options []nats.Option
	url     string
	system  func(ctx context.Context) (*nats.Conn, error)
	assured bool
	// between makes what TLS returns.
	between func(self string) (*tls.Config, error)
	// payload is the least max_payload.
	payload int64
	conn    *nats.Conn
	// refused counts the peers with another secret.
	refused atomic.Int64

	mu     sync.Mutex
	others []*nats.Conn
	closed bool
}

// NodeID is the id of this node: Config.NodeID, or the one in the data folder.
func (b *Broker) NodeID() string { return b.node }

// Conn is the control connection: for the stream and what is awaited from it.
func (b *Broker) Conn() *nats.Conn { return b.conn }

// Replicas is how many copies a stream has that uses all embedded peers; 3 if external.
func (b *Broker) Replicas() int { return b.peers }

// TLS is for connections between nodes of which both ends show a certificate: the one that the
// routes of an embedded server have, or that of External.TLS. self is host:port by which others
// reach this node. Without a ServerName in it, it is the host that is dialed.
func (b *Broker) TLS(self string) (*tls.Config, error) { return b.between(self) }

// Dial makes a further connection, for frames between nodes: what is queued there delays nothing on
// Conn. Close closes it.
func (b *Broker) Dial(name string) (*nats.Conn, error) {
	conn, err := b.dial(name)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		conn.Close()
		return nil, nats.ErrConnectionClosed
	}
	b.others = append(b.others, conn)
	return conn, nil
}

func (b *Broker) dial(name string) (*nats.Conn, error) {
	conn, err := nats.Connect(b.url, append([]nats.Option{nats.Name("usher " + name)}, b.options...)...)
	if err != nil {
		return nil, fmt.Errorf("connecting to NATS: %w", err)
	}
	return conn, nil
}

// connectOptions are those of every connection. What cannot be sent now fails now: a buffer would
// send it after a pause, when it is no longer true.
func connectOptions(log *slog.Logger) []nats.Option {
	return []nats.Option{
		nats.ReconnectBufSize(-1), nats.FlusherTimeout(2 * time.Second), nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond), nats.PingInterval(2 * time.Second), nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(c *nats.Conn, err error) {
			if err != nil {
				log.Warn("the connection to NATS broke", "name", c.Opts.Name, "error", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { log.Info("the connection to NATS is back", "name", c.Opts.Name) }),
		nats.ErrorHandler(func(c *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("NATS reports an error", "name", c.Opts.Name, "error", err)
		}),
	}
}

// StepDown asks the embedded server to give up the lead of a stream, if it has it, so that the next
// leader is elected before this node stops or while its disk is slow. It waits for that until ctx
// is done. An external NATS is not asked: its servers stop when their operator says so.
func (b *Broker) StepDown(ctx context.Context, stream string) error {
	if b.server == nil || !b.server.JetStreamIsClustered() || !b.server.JetStreamIsStreamLeader(account, stream) {
		return nil
	}
	if err := b.server.JetStreamStepdownStream(account, stream); err != nil {
		return fmt.Errorf("stepping down as the leader of %s: %w", stream, err)
	}
	for b.server.JetStreamIsStreamLeader(account, stream) {
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("stepping down as the leader of %s: %w", stream, err)
		}
	}
	return nil
}

// IsLeader reports whether the embedded server leads a stream.
func (b *Broker) IsLeader(stream string) bool {
	return b.server != nil && b.server.JetStreamIsStreamLeader(account, stream)
}

// Ready waits until JetStream answers, which takes a majority of the peers, or all of them when
// they start for the first time (nobody's data is the newer then), and then does what Check does.
// It returns an *Error if ctx is done before.
func (b *Broker) Ready(ctx context.Context) error {
	for {
		err := b.ask(ctx)
		if err == nil {
			return b.Check(ctx)
		}
		if fault := (*Error)(nil); errors.As(err, &fault) {
			return err
		}
		if sleep(ctx, 100*time.Millisecond) != nil {
			return b.unreachable(err)
		}
	}
}

// unreachable says why there is no majority, if that is known.
func (b *Broker) unreachable(err error) error {
	switch {
	case b.server == nil:
		return &Error{ErrUnreachable, "JetStream does not answer: " + err.Error(), "look whether its servers are up and have a meta leader: nats server report jetstream"}
	case b.refused.Load() > 0 && b.server.NumRoutes() == 0:
		return &Error{ErrSecret, fmt.Sprintf("handshakes with peers fail: %d so far", b.refused.Load()), "give every node the same secret"}
	}
	return &Error{ErrUnreachable, fmt.Sprintf("of %d peers no majority answers: %v", b.peers, err),
		"start the other nodes; the first time, all of them must be up at once\nlook whether each reaches the others' cluster port, and whether all have the same peers and secret"}
}

// Close ends everything: an embedded server gives up its leads first. It may be called again.
func (b *Broker) Close() {
	b.mu.Lock()
	others, was := b.others, b.closed
	b.others, b.closed = nil, true
	b.mu.Unlock()
	if was {
		return
	}
	for _, conn := range others {
		conn.Close()
	}
	if b.conn != nil {
		b.conn.Close()
	}
	if b.server != nil {
		b.server.Shutdown()
		b.server.WaitForShutdown()
	}
	if b.folder != nil {
		b.folder.close()
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
