package link_test

import (
	"log/slog"
	"net"
	"sync"
	"testing"
)

var discarded = slog.New(slog.DiscardHandler)

// cable is what leads to a node's listener. It can be cut, stalled, and out of order.
type cable struct {
	listener net.Listener

	mu sync.Mutex
	// to is the node's own address.
	to       string
	conns    []net.Conn
	refusing bool
	refused  int
	// stalled is locked while nothing passes.
	stalled sync.RWMutex
}

func newCable(t testing.TB) *cable {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{listener: listener}
	t.Cleanup(func() {
		_ = listener.Close()
		c.cut()
	})
	go c.accept()
	return c
}

func (c *cable) accept() {
	for {
		from, err := c.listener.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", c.end())
		c.mu.Lock()
		if err != nil || c.refusing {
			c.refused++
			_ = from.Close()
			if to != nil {
				_ = to.Close()
			}
			c.mu.Unlock()
			continue
		}
		c.conns = append(c.conns, from, to)
		c.mu.Unlock()
		go c.pass(from, to)
		go c.pass(to, from)
	}
}

func (c *cable) pass(from, to net.Conn) {
	defer to.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		c.stalled.RLock()
		_, failed := to.Write(b[:n])
		c.stalled.RUnlock()
		if err != nil || failed != nil {
			return
		}
	}
}

// lead says where the cable leads, and end returns that.
func (c *cable) lead(to string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.to = to
}

func (c *cable) end() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.to
}

// cut ends the connections of the moment.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

// refuse sets whether connections are refused from now on.
func (c *cable) refuse(refusing bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refusing = refusing
}

func (c *cable) refusals() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused
}

// stall lets nothing pass until the end of the test.
func (c *cable) stall(t *testing.T) {
	c.stalled.Lock()
	t.Cleanup(c.stalled.Unlock)
}
