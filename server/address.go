package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"net/netip"
	"strings"
	"sync"
)

// maxForwardedHops bounds how many entries of X-Forwarded-For are looked at.
const maxForwardedHops = 32

// addressBook turns the network address of a request into the key that stands
// for it. Addresses never reach a log or the disk, only keys do.
type addressBook struct {
	// secret must stay the same as long as keys are kept, so over restarts.
	secret  [32]byte
	trusted []netip.Prefix
}

// keys returns the key of the client's address, and the key to count it by in
// a limiter, which is 0 for loopback and trusted proxies: they are not counted.
func (b *addressBook) keys(r *http.Request) (key, limitKey uint64) {
	addr := clientAddress(r, b.trusted)
	key = addressKey(b.secret, addr)
	if addr.IsLoopback() || inNetworks(b.trusted, addr) {
		return key, 0
	}
	return key, key
}

// clientAddress returns the address a request comes from: the socket's, or,
// when that is a trusted proxy's, the one nearest to the right end of
// X-Forwarded-For that is not. What is left of it anybody could have written.
// It is the zero Addr only for a socket that has no IP address.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	remote := remoteAddress(r)
	if !inNetworks(trusted, remote) {
		return remote
	}
	client := remote
	hops := 0
	// A proxy may add a line of its own, which is the same as a longer list
	// (RFC 9110, section 5.3).
	lines := r.Header.Values("X-Forwarded-For")
	for i := len(lines) - 1; i >= 0; i-- {
		for rest := lines[i]; ; {
			comma := strings.LastIndexByte(rest, ',')
			addr, ok := parseHop(strings.Trim(rest[comma+1:], " \t"))
			hops++
			if !ok || hops > maxForwardedHops {
				return remote
			}
			if client = addr; !inNetworks(trusted, addr) {
				return addr
			}
			if comma < 0 {
				break
			}
			rest = rest[:comma]
		}
	}
	return client
}

// remoteAddress is the address at the other end of the socket.
func remoteAddress(r *http.Request) netip.Addr {
	addr, _ := parseHop(r.RemoteAddr)
	return addr
}

// parseHop parses an address with or without a port, as proxies write them.
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

// addressKey is a keyed hash of an address, of its /64 for IPv6, where one
// subscriber has 2^64 addresses (RFC 6177). Never 0 but for the zero Addr.
func addressKey(secret [32]byte, addr netip.Addr) uint64 {
	addr = addr.Unmap()
	if !addr.IsValid() {
		return 0
	}
	// 4 and 8 bytes: the two families cannot meet.
	bytes := addr.AsSlice()
	if addr.Is6() {
		bytes = bytes[:8]
	}
	mac := hmac.New(sha256.New, secret[:])
	mac.Write(bytes)
	return max(1, binary.BigEndian.Uint64(mac.Sum(nil)))
}

// limiterShards spreads the keys so that connections from different addresses
// seldom wait for each other. A power of two.
const limiterShards = 16

// limiter counts connections, or rooms, by address and refuses more than a
// bound. Key 0 is not counted. For concurrent use.
type limiter struct {
	max    int // 0 for no bound
	shards [limiterShards]struct {
		sync.Mutex
		counts map[uint64]int
		_      [64]byte // shards on cache lines of their own
	}
}

func newLimiter(max int) *limiter { return &limiter{max: max} }

// acquire counts one more, or returns false where the bound is reached. What
// was acquired must be released once, with the same key.
func (l *limiter) acquire(key uint64) bool { return l.count(key, l.max) }

// restore counts one more without a bound: for what exists already, such as
// the rooms found on disk at the start.
func (l *limiter) restore(key uint64) { l.count(key, 0) }

func (l *limiter) count(key uint64, bound int) bool {
	if key == 0 {
		return true
	}
	shard := &l.shards[key%limiterShards]
	shard.Lock()
	defer shard.Unlock()
	n := shard.counts[key]
	if bound > 0 && n >= bound {
		return false
	}
	if shard.counts == nil {
		shard.counts = make(map[uint64]int)
	}
	shard.counts[key] = n + 1
	return true
}

// release counts one less.
func (l *limiter) release(key uint64) {
	if key == 0 {
		return
	}
	shard := &l.shards[key%limiterShards]
	shard.Lock()
	defer shard.Unlock()
	n := shard.counts[key]
	if n == 0 {
		panic("server: limiter released more than was acquired")
	}
	if n > 1 {
		shard.counts[key] = n - 1
		return
	}
	delete(shard.counts, key)
	if len(shard.counts) == 0 {
		// A map keeps the room of its busiest hour.
		shard.counts = nil
	}
}
