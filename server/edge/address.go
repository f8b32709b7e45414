package edge

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
)

// maxForwardedHops bounds how many entries of X-Forwarded-For are looked at.
const maxForwardedHops = 32

// addressBook turns the network address of a request into the key that represents it. Only keys,
// never addresses, reach a log or the disk.
type addressBook struct {
	// secret must stay the same as long as keys are kept, and so across restarts.
	secret  [32]byte
	trusted []netip.Prefix
	log     *slog.Logger
	warned  [len(doubts)]sync.Once
}

// keys returns the key of the client's address, and the key to count it by in limits: the same one,
// or 0 for a trusted proxy's own requests, which are not counted. If a proxy does not distinguish
// its clients, they share one key and are counted.
func (b *addressBook) keys(r *http.Request) (key, limitKey uint64) {
	addr, doubt := clientAddress(r, b.trusted)
	if doubt != noDoubt {
		b.warned[doubt].Do(func() { b.log.Warn(doubts[doubt]) })
	}
	key = addressKey(b.secret, addr)
	if doubt == noDoubt && inNetworks(b.trusted, addr) {
		return key, 0
	}
	return key, key
}

// socketKey is the key to count a socket by before it has sent anything, 0 for a trusted proxy's.
func (b *addressBook) socketKey(addr netip.Addr) uint64 {
	addr = addr.Unmap().WithZone("")
	if inNetworks(b.trusted, addr) {
		return 0
	}
	return addressKey(b.secret, addr)
}

// doubt is the reason that the clients behind a proxy cannot be distinguished.
type doubt uint8

const (
	noDoubt doubt = iota
	untrustedProxy
	unreadableHop
	tooManyHops
)

// doubts are the warnings. Each is logged once.
var doubts = [...]string{
	noDoubt: "",
	untrustedProxy: "X-Forwarded-For came from an address of this network that is not among trusted-proxy; " +
		"all clients of that proxy share the limits of one address",
	unreadableHop: "a trusted proxy sent an X-Forwarded-For that cannot be read; such clients share the limits of one address",
	tooManyHops:   "a trusted proxy sent an X-Forwarded-For with too many trusted addresses; such clients share the limits of one address",
}

// clientAddress returns the address that a request comes from: the socket's or, if that belongs to
// a trusted proxy, the rightmost address in X-Forwarded-For that does not. Anybody could have
// written the entries to the left of it. It is the zero Addr only for a socket that has no IP
// address. If there is a doubt it is the socket's.
func clientAddress(r *http.Request, trusted []netip.Prefix) (netip.Addr, doubt) {
	remote := remoteAddress(r)
	// A proxy may add a line of its own, which is equivalent to a longer list (RFC 9110, section
	// 5.3).
	lines := r.Header.Values("X-Forwarded-For")
	if !inNetworks(trusted, remote) {
		// Anybody further away can send this header, so it says nothing about the configuration.
		if len(lines) > 0 && (remote.IsLoopback() || remote.IsPrivate()) {
			return remote, untrustedProxy
		}
		return remote, noDoubt
	}
	client := remote
	hops := 0
	for i := len(lines) - 1; i >= 0; i-- {
		for rest := lines[i]; ; {
			comma := strings.LastIndexByte(rest, ',')
			addr, ok := parseHop(strings.Trim(rest[comma+1:], " \t"))
			hops++
			switch {
			case !ok:
				return remote, unreadableHop
			case hops > maxForwardedHops:
				return remote, tooManyHops
			}
			if client = addr; !inNetworks(trusted, addr) {
				return addr, noDoubt
			}
			if comma < 0 {
				break
			}
			rest = rest[:comma]
		}
	}
	return client, noDoubt
}

// remoteAddress is the address at the other end of the socket.
func remoteAddress(r *http.Request) netip.Addr {
	addr, _ := parseHop(r.RemoteAddr)
	return addr
}

// parseHop parses an address with or without a port; proxies write both.
func parseHop(s string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		var withPort netip.AddrPort
		if withPort, err = netip.ParseAddrPort(s); err == nil {
			addr = withPort.Addr()
		} else if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
			addr, err = netip.ParseAddr(s[1 : len(s)-1])
		}
	}
	return addr.Unmap().WithZone(""), err == nil
}

func inNetworks(networks []netip.Prefix, addr netip.Addr) bool {
	for _, network := range networks {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// addressKey is a keyed hash of an address, or of its /64 for IPv6, because one subscriber has 2^64
// addresses (RFC 6177). Only the zero Addr has the key 0.
func addressKey(secret [32]byte, addr netip.Addr) uint64 {
	addr = addr.Unmap()
	if !addr.IsValid() {
		return 0
	}
	// 4 and 8 bytes: the two families cannot collide.
	bytes := addr.AsSlice()
	if addr.Is6() {
		bytes = bytes[:8]
	}
	mac := hmac.New(sha256.New, secret[:])
	mac.Write(bytes)
	return max(1, binary.BigEndian.Uint64(mac.Sum(nil)))
}

// SchemeOf returns the scheme by which a client has asked, which a trusted proxy reports.
func SchemeOf(r *http.Request, trusted []netip.Prefix) string {
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" && inNetworks(trusted, remoteAddress(r)) {
		return "https"
	}
	return "http"
}
