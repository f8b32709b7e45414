package relay

import (
	"net"
	"net/netip"
)

// notPublic are the networks that no peer is in, beyond those that netip.Addr has methods for. An
// address that contains another one is not looked into: whoever has a public address can be reached
// by that.
var notPublic = prefixes(
	"0.0.0.0/8",       // this network (RFC 791)
	"100.64.0.0/10",   // behind a carrier's NAT (RFC 6598)
	"192.0.0.0/24",    // IETF protocols (RFC 6890)
	"192.0.2.0/24",    // documentation (RFC 5737)
	"192.88.99.0/24",  // 6to4 relays (RFC 7526)
	"198.18.0.0/15",   // benchmarks (RFC 2544)
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"240.0.0.0/4",     // reserved, and broadcast (RFC 1112)
	"::/96",           // IPv4-compatible (RFC 4291)
	"::ffff:0:0:0/96", // IPv4-translated (RFC 2765)
	"64:ff9b::/96",    // NAT64 (RFC 6052)
	"64:ff9b:1::/48",  // NAT64 of a network's own (RFC 8215)
	"100::/64",        // discarded (RFC 6666)
	"2001::/23",       // IETF protocols, Teredo among them (RFC 4380)
	"2001:db8::/32",   // documentation (RFC 3849)
	"2002::/16",       // 6to4 (RFC 3056)
	"3fff::/20",       // documentation (RFC 9637)
	"fec0::/10",       // site-local (RFC 3879)
)

func prefixes(texts ...string) (parsed []netip.Prefix) {
	for _, text := range texts {
		parsed = append(parsed, netip.MustParsePrefix(text))
	}
	return parsed
}

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
	for _, address := range addresses {
		if prefix, err := netip.ParsePrefix(address.String()); err == nil {
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
	if !ip.IsValid() || !ip.IsGlobalUnicast() || ip.IsPrivate() || ip == p.public || p.own[ip] {
		return false
	}
	for _, prefix := range notPublic {
		if prefix.Contains(ip) {
			return false
		}
	}
	return true
}
