package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/server/servertest"
)

const patience = servertest.Patience

// lines is a log that a test can read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

func started(t *testing.T, c Config) *Broker {
	t.Helper()
	b, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// A peer comes with another secret: it is refused, which is logged once, it learns why, and the
// others, which are a majority, go on.
func TestWrongSecretIsRefused(t *testing.T) {
	peers, dir := servertest.FreeAddresses(t, 3), t.TempDir()
	var logs [3]lines
	var nodes [3]*Broker
	start := func(i int, folder string, secret []byte) {
		nodes[i] = started(t, Config{
			NodeID: fmt.Sprint("node-", i), Listen: peers[i], Peers: peers, Secret: secret,
			Dir: filepath.Join(dir, folder), Log: slog.New(slog.NewTextHandler(&logs[i], nil)),
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range nodes {
		start(i, fmt.Sprint(i), testSecret)
	}
	for _, b := range nodes {
		if err := b.Ready(ctx); err != nil {
			t.Fatal(err)
		}
	}
	nodes[2].Close()
	start(2, "other", []byte("another secret, which is not the others'"))
	for nodes[0].refused.Load() < 3 || nodes[1].refused.Load() < 3 || nodes[2].refused.Load() < 3 {
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			t.Fatalf("refused %d, %d and %d times", nodes[0].refused.Load(), nodes[1].refused.Load(), nodes[2].refused.Load())
		}
	}
	for i := range logs {
		if n := logs[i].count("refused each other"); n != 1 {
			t.Errorf("node %d logs %d refusals", i, n)
		}
		if n := logs[i].count("TLS route"); n != 1 {
			t.Errorf("node %d logs %d handshakes", i, n)
		}
	}
	short, stop := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer stop()
	wantError(t, nodes[2].Ready(short), ErrSecret, "handshakes", "same secret")
	if err := nodes[0].Check(ctx); err != nil {
		t.Errorf("the others: %v", err)
	}
	clientPortIsClosed(t, nodes[0])
}

// clientPortIsClosed: what can reach the port for clients is let in nowhere.
func clientPortIsClosed(t *testing.T, b *Broker) {
	t.Helper()
	address := b.server.Addr().(*net.TCPAddr)
	if !address.IP.IsLoopback() {
		t.Errorf("the port for clients is at %v", address)
	}
	conn, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = conn.Write([]byte("CONNECT {\"verbose\":false}\r\nPING\r\n"))
	var reply bytes.Buffer
	_, _ = reply.ReadFrom(conn)
	if !strings.Contains(reply.String(), "Authorization Violation") || strings.Contains(reply.String(), "PONG") {
		t.Errorf("a stranger is answered %q", reply.String())
	}
}

// A node without its peers reports that it has no majority, and what to look at.
func TestNoMajority(t *testing.T) {
	peers := servertest.FreeAddresses(t, 3)
	b := started(t, Config{Listen: peers[0], Peers: peers, Secret: testSecret, Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	wantError(t, b.Ready(ctx), ErrUnreachable, "no majority", "start the other nodes")
	second, err := Open(Config{Listen: peers[0], Peers: peers, Secret: testSecret, Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		second.Close()
	}
	wantError(t, err, ErrListen, "in use", "another port")
}

// A node that stands by itself works, keeps its id, and refuses a folder of another cluster.
func TestOneServer(t *testing.T) {
	c := Config{Peers: []string{"single"}, Secret: testSecret, Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}
	b := started(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := b.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	if err := b.StepDown(ctx, "NONE"); err != nil || b.Replicas() != 1 || b.IsLeader("NONE") {
		t.Errorf("a stream that does not exist: %v", err)
	}
	other, err := b.Dial("links")
	if err != nil || other == b.Conn() || !other.IsConnected() || b.Conn().Opts.ReconnectBufSize >= 0 {
		t.Errorf("a second connection: %v", err)
	}
	b.Close()
	b.Close()
	if !other.IsClosed() || !b.Conn().IsClosed() {
		t.Error("a connection is open after Close")
	}
	if _, err := b.Dial("late"); err == nil {
		t.Error("a connection is made after Close")
	}
	again := started(t, c)
	if again.NodeID() != b.NodeID() || again.NodeID() == "" {
		t.Errorf("the id %q has become %q", b.NodeID(), again.NodeID())
	}
	again.Close()
	c.Secret = []byte("the secret of another cluster")
	_, err = Open(c)
	if !errors.Is(err, ErrFolder) {
		t.Errorf("a folder of another cluster: %v", err)
	}
}
