package cluster

import (
	"net"
	"strconv"

	"usher/server/cluster/broker"
	"usher/server/cluster/link"
)

// checkLinkListen returns a *broker.Error if other nodes could not dial LinkListen.
func (c *Config) checkLinkListen() error {
	refused := func(problem, hint string) error {
		return &broker.Error{Kind: broker.ErrLinkListen, Problem: problem, Hint: hint}
	}
	host, port, err := net.SplitHostPort(c.LinkListen)
	if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil {
		return refused(strconv.Quote(c.LinkListen[:min(len(c.LinkListen), 64)])+" is not host:port",
			"write host:port as cluster-link-listen, or off: then frames between nodes go over NATS")
	}
	if c.External == nil {
		return nil
	}
	if host == "" || isUnspecified(host) {
		return refused(c.LinkListen+" does not say where the other nodes reach this one", "name a host: --cluster-link-listen 10.0.0.1:6223")
	}
	if t := c.External.TLS; t.CA == "" || t.Cert == "" || t.Key == "" {
		return refused("with NATS servers of your own there is no secret to make certificates from",
			"set cluster-tls-cert, cluster-tls-key and cluster-tls-ca, whose authority must sign nothing but nodes and NATS servers")
	}
	return nil
}

// linkHost is the host by which other nodes reach LinkListen: the one in cluster-peers, unless
// LinkListen is on another interface.
func (c *Config) linkHost() string {
	host, _, _ := net.SplitHostPort(c.LinkListen)
	if c.Embedded == nil {
		return host
	}
	if routes, _, _ := net.SplitHostPort(c.Embedded.Listen); host == "" || isUnspecified(host) || host == routes {
		return c.clusterHost()
	}
	return host
}

// listenForLinks takes the port early, so that a start fails early.
func (n *Node) listenForLinks() (err error) {
	if n.config.LinkListen == "" {
		return nil
	}
	if n.forLinks, err = net.Listen("tcp", n.config.LinkListen); err != nil {
		return &broker.Error{Kind: broker.ErrLinkListen, Problem: err.Error(),
			Hint: "choose another port as cluster-link-listen, or stop what uses it"}
	}
	return nil
}

// openTransport is for frames between nodes: over connections of their own where that is possible.
func (n *Node) openTransport() error {
	overNATS := link.NewNATS(n.frames)
	if n.forLinks == nil {
		n.transport = overNATS
		return nil
	}
	_, port, err := net.SplitHostPort(n.forLinks.Addr().String())
	if err != nil {
		return err
	}
	address := net.JoinHostPort(n.config.linkHost(), port)
	between, err := n.broker.TLS(address)
	if err != nil {
		return err
	}
	// From the address that it listens on, if that is one: a firewall needs no other.
	host, _, _ := net.SplitHostPort(n.config.LinkListen)
	from := net.ParseIP(host)
	if from.IsUnspecified() {
		from = nil
	}
	n.direct = link.OpenDirect(link.DirectConfig{
		NATS: overNATS, Listener: n.forLinks, Address: address, TLS: between, From: from, Log: n.log,
	})
	n.transport = n.direct
	return nil
}

// How this node reaches another one: NodeStatus.Link.
const (
	LinkDirect = "direct"
	LinkNATS   = "nats"
)

// linkWith returns how this node reaches another, "" if no link is open.
func (n *Node) linkWith(other link.Incarnation) string {
	switch {
	case n.links == nil || !n.links.Has(other):
		return ""
	case n.direct != nil && n.direct.Reaches(other):
		return LinkDirect
	}
	return LinkNATS
}

// directly counts the nodes that this one sends to over a connection of its own.
func (n *Node) directly() int {
	if n.direct == nil {
		return 0
	}
	return n.direct.Connected()
}
