package broker

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// MinSecretBytes is the shortest cluster secret.
	MinSecretBytes = 16
	// PayloadSlackBytes is what a message may need beyond the frame that it carries.
	PayloadSlackBytes = 64 << 10
	// minPayloadBytes lets the snapshot of a full room with everything that it holds pass.
	minPayloadBytes = 2 << 20
)

// Config is what an embedded server needs.
type Config struct {
	// NodeID names this node among its peers, in letters, digits, "-" and "_"; at most 64. Empty
	// means the id in the data folder, or a random one that is kept there.
	NodeID string
	// Listen is the address for the routes of the peers, as "host:port" or ":port". Its port is
	// reached by the peers only.
	Listen string
	// Advertise is which of Peers this node is. Empty means Listen, or else the one with Listen's
	// port whose host resolves to an address of this machine.
	Advertise string
	// Peers are the routes of all nodes that keep the data, this one among them, as "host:port":
	// one, three or five. One has no routes and is for tests.
	Peers []string
	// Secret is the cluster's, the same on every node; at least MinSecretBytes random bytes.
	Secret []byte
	// TLS replaces the certificates that are made from the secret: all three files, or none.
	TLS TLSFiles
	// Dir is the data folder. It is created if it does not exist.
	Dir string
	// MaxFrameBytes is the largest frame that nodes pass to each other; 0 means 64 KiB.
	MaxFrameBytes int
	// MaxStoreBytes bounds the data of this server; 0 means three quarters of the free disk.
	MaxStoreBytes int64
	// StartTimeout is how long the server may take to open its data and its port; 0 means 30 s.
	// It does not include the election of a leader.
	StartTimeout time.Duration
	// Log gets what the server reports; nil means slog.Default().
	Log *slog.Logger
}

func (c *Config) setDefaults() {
	if c.MaxFrameBytes == 0 {
		c.MaxFrameBytes = 64 << 10
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = 30 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
}

// payloadBytes is the largest message of the embedded server.
func (c *Config) payloadBytes() int { return max(minPayloadBytes, c.MaxFrameBytes+PayloadSlackBytes) }

// Check returns an *Error if the settings cannot work.
func (c *Config) Check() error {
	self, err := c.check()
	if err == nil && !c.TLS.none() {
		_, err = c.TLS.between(self)
	}
	return err
}

// check returns an *Error if the settings cannot work, and which of the peers this node is.
func (c *Config) check() (self string, err error) {
	if len(c.Secret) < MinSecretBytes {
		return "", &Error{ErrConfig, fmt.Sprintf("the secret has %d bytes", len(c.Secret)),
			fmt.Sprintf("a cluster secret has at least %d random bytes, the same on every node: head -c 32 /dev/urandom | base64 > FILE", MinSecretBytes)}
	}
	if err := checkNode(c.NodeID, c.Dir); err != nil {
		return "", err
	}
	if n := len(c.Peers); n != 1 && n != 3 && n != 5 {
		return "", &Error{ErrPeers, fmt.Sprintf("there are %d", n),
			"name all nodes that keep the data, this one included: three, or five to survive the loss of two; an even number survives no more than one fewer"}
	}
	if len(c.Peers) == 1 {
		return c.Peers[0], nil
	}
	for i, peer := range c.Peers {
		host, port, err := net.SplitHostPort(peer)
		if n, numberErr := strconv.Atoi(port); err != nil || host == "" || numberErr != nil || n < 1 || n > 65535 {
			return "", &Error{ErrPeers, strconv.Quote(peer) + " is not host:port", "write each peer as host:port, with the port of its cluster routes"}
		}
		if twice := slices.IndexFunc(c.Peers[:i], func(other string) bool { return plain(other) == plain(peer) }); twice >= 0 {
			return "", &Error{ErrPeers, peer + " is there twice" + also(c.Peers[twice], peer), "name each node once"}
		}
	}
	return c.self()
}

// checkNode returns an *Error if a node cannot have an id or a folder.
func checkNode(id, dir string) error {
	if id != "" && !validID(id) {
		return &Error{ErrConfig, "the node id " + strconv.Quote(id) + " cannot be used", "a node id has 1 to 64 letters, digits, - and _"}
	}
	if dir == "" {
		return &Error{ErrConfig, "there is no data folder", "name a folder that outlives the process and belongs to this node only"}
	}
	return nil
}

// plain is a peer in the one spelling by which it can be compared.
func plain(peer string) string {
	host, port, _ := net.SplitHostPort(peer)
	number, _ := strconv.Atoi(port)
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if address, err := netip.ParseAddr(host); err == nil {
		host = address.Unmap().String()
	}
	return net.JoinHostPort(host, strconv.Itoa(number))
}

// also names the other spelling, if there is one.
func also(other, peer string) string {
	if other == peer {
		return ""
	}
	return ", as " + other + " too"
}

// Self is which of Peers this node is, "" if that cannot be said.
func (c *Config) Self() string {
	self, _ := c.self()
	return self
}

// self finds this node among the peers.
func (c *Config) self() (string, error) {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return "", &Error{ErrListen, strconv.Quote(c.Listen) + " is not host:port", "write host:port, or :port for all addresses"}
	}
	name := c.Advertise
	if name == "" && host != "" {
		name = c.Listen
	}
	switch {
	case slices.Contains(c.Peers, name):
		return name, nil
	case c.Advertise != "":
		return "", &Error{ErrPeers, c.Advertise + " is not among " + strings.Join(c.Peers, ", "), "the address under which the peers reach this node must be one of the peers, spelt the same"}
	}
	found := slices.DeleteFunc(slices.Clone(c.Peers), func(peer string) bool {
		peerHost, peerPort, _ := net.SplitHostPort(peer)
		return peerPort != port || !isLocal(peerHost)
	})
	if len(found) == 1 {
		return found[0], nil
	}
	return "", &Error{ErrPeers, fmt.Sprintf("%d of %s are this node, which listens on %s", len(found), strings.Join(c.Peers, ", "), c.Listen),
		"the list is the same on every node and contains each; say which one this node is if its host name does not resolve to an address of this machine"}
}

// isLocal reports whether a host resolves to an address of this machine.
func isLocal(host string) bool {
	addresses, err := net.LookupHost(host)
	if err != nil {
		return false
	}
	local, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(local, func(a net.Addr) bool {
		network, ok := a.(*net.IPNet)
		return ok && slices.ContainsFunc(addresses, func(text string) bool { return network.IP.Equal(net.ParseIP(text)) })
	})
}

func validID(id string) bool {
	return len(id) > 0 && len(id) <= 64 && strings.IndexFunc(id, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}) < 0
}
