package cluster

import (
	"errors"
	"strings"
	"testing"

	"usher/server/cluster/broker"
)

// among is a node that listens there for the others; 10.0.0.9:6222 is how they know one of them.
func among(listen string) *broker.Config {
	c := &broker.Config{Listen: listen, Peers: []string{"127.0.0.1:6222", "10.0.0.1:6222", "10.0.0.9:6222", "[fd00::1]:6222"}}
	if strings.HasPrefix(listen, ":") {
		c.Advertise = "10.0.0.9:6222"
	}
	return c
}

// Balancers are told an address that leads here from everywhere, or none.
func TestAddressForBalancers(t *testing.T) {
	near, far := "127.0.0.1:6222", "10.0.0.1:6222"
	for _, row := range []struct{ address, listen, cluster, want string }{
		{"", "10.0.0.1:8787", far, "10.0.0.1:8787"},
		{"", "node-a:8787", far, "node-a:8787"},
		{"balancer.example:443", "localhost:8787", far, "balancer.example:443"},
		{"[fd00::1]:8787", ":8787", far, "[fd00::1]:8787"},
		// A server that listens everywhere is where the other nodes reach this one.
		{"", ":8787", far, "10.0.0.1:8787"},
		{"", "0.0.0.0:8787", far, "10.0.0.1:8787"},
		{"", "[::]:8787", "[fd00::1]:6222", "[fd00::1]:8787"},
		{"", ":8787", ":6222", "10.0.0.9:8787"}, // the entry of the list that is this node
		// A cluster on one machine.
		{"", "localhost:8781", near, "localhost:8781"},
		{"", "127.0.0.1:8781", near, "127.0.0.1:8781"},
		{"localhost:8781", ":8781", near, "localhost:8781"},
		// Nobody else reaches it.
		{"", "localhost:8787", far, ""},
		{"", "127.0.0.1:8787", far, ""},
		{"", "[::1]:8787", far, ""},
		{"", "localhost:8787", "", ""},
		{"", ":8787", "", ""},
		{"", "127.0.0.1:0", near, ""},
		{"127.0.0.1:8781", "127.0.0.1:8781", "", "127.0.0.1:8781"}, // the operator's word
	} {
		c := Config{Address: row.address, Listen: row.listen}
		if row.cluster != "" {
			c.Embedded = among(row.cluster)
		}
		if got, err := c.address(); err != nil || got != row.want {
			t.Errorf("%+v is told as %q, %v", row, got, err)
		}
	}
}

func TestAddressThatLeadsNowhereIsRefused(t *testing.T) {
	for _, row := range []struct{ address, cluster, problem string }{
		{strings.Repeat("x", 64) + ".example:1", "", "is no host"},
		{strings.Repeat("x.", 125) + "xxxx:65535", "", "260 bytes"},
		{"10.0.0.1", "", "host:port"},
		{":8787", "", "host:port"},
		{"10.0.0.1:http", "", "host:port"},
		{"10.0.0.1:0", "", "host:port"},
		{"10.0.0.1:65536", "", "host:port"},
		{"a b:8787", "", "is no host"},
		{"a\r\nX-Evil: b:8787", "", "host:port"},
		{"a\nb:8787", "", "is no host"},
		{"http://10.0.0.1:8787", "", "host:port"},
		{"0.0.0.0:8787", "", "every address"},
		{"[::]:8787", "", "every address"},
		{"localhost:8787", "10.0.0.1:6222", "on that node itself"},
		{"127.0.0.2:8787", ":6222", "on that node itself"},
	} {
		c := Config{Address: row.address, Listen: ":8787"}
		if row.cluster != "" {
			c.Embedded = among(row.cluster)
		}
		var refused *broker.Error
		if _, err := c.address(); !errors.As(err, &refused) || !strings.Contains(refused.Problem, row.problem) || !strings.Contains(refused.Hint, "cluster-address") {
			t.Errorf("%q: %+v", row.address, refused)
		}
	}
}
