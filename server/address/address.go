// Package address says which network addresses are on the Internet.
package address

import "net/netip"

// notPublic are the networks that nobody on the Internet is in, beyond those that netip.Addr has
// methods for. An address that contains another one is not looked into: whoever has a public
// address can be reached by that.
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

// IsPublic reports whether an address is one on the Internet: not of this machine, of a private
// network, of a link, or of a group.
func IsPublic(ip netip.Addr) bool {
	ip = ip.Unmap()
	if !ip.IsValid() || ip.Zone() != "" || !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, prefix := range notPublic {
		if prefix.Contains(ip) {
			return false
		}
	}
	return true
}
