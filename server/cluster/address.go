package cluster

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"usher/server/cluster/broker"
	"usher/server/cluster/lease"
)

// address is what balancers are told of this node: Config.Address, or what follows from where it
// listens. "" means nothing, because only this machine could use it: they then take any node.
func (c *Config) address() (string, error) {
	if c.Address != "" {
		return c.Address, c.checkAddress()
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil || port == "0" {
		return "", nil // the server refuses it, or is told its port by the system
	}
	if host == "" || isUnspecified(host) {
		host = c.clusterHost()
	}
	if host == "" || isLoopback(host) && !isLoopback(c.clusterHost()) {
		return "", nil
	}
	if told := net.JoinHostPort(host, port); len(told) <= lease.MaxAddressBytes {
		return told, nil
	}
	return "", nil
}

func (c *Config) checkAddress() error {
	refused := func(problem string) error {
		return &broker.Error{Kind: broker.ErrConfig, Problem: problem,
			Hint: "cluster-address is where balancers on other machines reach this node: --cluster-address 10.0.0.1:8787"}
	}
	host, port, err := net.SplitHostPort(c.Address)
	number, portErr := strconv.ParseUint(port, 10, 16)
	switch shown := strconv.Quote(c.Address[:min(len(c.Address), 64)]); {
	case err != nil, portErr != nil, host == "", number == 0:
		return refused("the address " + shown + " is not host:port")
	case len(c.Address) > lease.MaxAddressBytes:
		return refused(fmt.Sprintf("the address has %d bytes, more than %d", len(c.Address), lease.MaxAddressBytes))
	case !isHost(host):
		return refused(strconv.Quote(host[:min(len(host), 64)]) + " is no host")
	case isUnspecified(host):
		return refused(host + " means every address of a machine, and balancers need one")
	case isLoopback(host) && c.Embedded != nil && !isLoopback(c.clusterHost()):
		return refused(host + " leads to this node only on that node itself")
	}
	return nil
}

// clusterHost is the host under which the other nodes reach this one, "" if that is not known.
func (c *Config) clusterHost() string {
	if c.Embedded == nil {
		return ""
	}
	host, _, _ := net.SplitHostPort(c.Embedded.Self())
	return host
}

// isHost reports whether a host is an address or consists of labels as names have them.
func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	for label := range strings.SplitSeq(host, ".") {
		isOther := func(r rune) bool {
			return (r|0x20 < 'a' || r|0x20 > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
		}
		if label == "" || len(label) > 63 || strings.IndexFunc(label, isOther) >= 0 {
			return false
		}
	}
	return true
}

func isUnspecified(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsUnspecified()
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}
