package relay

import (
	"net"
	"net/netip"

	"usher/server/address"
)

// peers says which addresses may be sent to.
type peers struct {
	public netip.Addr
	// own are the addresses of this machine.
	own     map[netip.Addr]bool
	allowed []netip.Prefix
}

func newPeers(config *Config) *peers {
	p := &peers{public: config.PublicIP, own: make(map[netip.Addr]bool), allowed: config.AllowPeers}
	addresses, _ := net.InterfaceAddrs() // without them only what is public of this machine is open
	for _, found := range addresses {
		if prefix, err := netip.ParsePrefix(found.String()); err == nil {
			p.own[prefix.Addr().Unmap().WithZone("")] = true
		}
	}
	return p
}

// allows reports whether an address may be a peer by itself. Relayed addresses of this server are
// judged with their port.
func (p *peers) allows(ip netip.Addr) bool {
	ip = ip.Unmap()
	if ip.Zone() != "" {
		return false
	}
	for _, prefix := range p.allowed {
		if prefix.Contains(ip) {
			return true
		}
	}
	return ip != p.public && !p.own[ip] && address.IsPublic(ip)
}
