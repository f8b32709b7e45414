package server

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

func prefixes(list string) (networks []netip.Prefix) {
	for _, s := range strings.Fields(list) {
		networks = append(networks, netip.MustParsePrefix(s))
	}
	return networks
}

func TestClientAddress(t *testing.T) {
	trusted := prefixes("10.0.0.0/8 fd00::/8")
	hops := func(n int) string { return strings.Repeat("10.0.0.9, ", n) + "10.0.0.9" }
	for _, test := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:5", nil, "192.0.2.1"},
		{"[2001:db8::1]:5", nil, "2001:db8::1"},
		{"[::ffff:192.0.2.1]:5", nil, "192.0.2.1"},
		{"[fe80::1%eth0]:5", nil, "fe80::1"},
		// Anybody can write the header: only a trusted proxy is believed.
		{"192.0.2.1:5", []string{"198.51.100.1"}, "192.0.2.1"},
		{"10.0.0.1:5", nil, "10.0.0.1"},
		{"10.0.0.1:5", []string{"198.51.100.1"}, "198.51.100.1"},
		{"[::ffff:10.0.0.1]:5", []string{"198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:5", []string{"198.51.100.1, 198.51.100.2"}, "198.51.100.2"},
		{"10.0.0.1:5", []string{"198.51.100.1,198.51.100.2 , 10.0.0.2,\t[fd00::1]"}, "198.51.100.2"},
		{"10.0.0.1:5", []string{"198.51.100.1", "198.51.100.2", "10.0.0.2"}, "198.51.100.2"},
		{"10.0.0.1:5", []string{"198.51.100.1:8000"}, "198.51.100.1"},
		{"10.0.0.1:5", []string{"[2001:db8::2]:8000"}, "2001:db8::2"},
		{"10.0.0.1:5", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:5", []string{"garbage, 198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:5", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"10.0.0.1:5", []string{"198.51.100.1, garbage"}, "10.0.0.1"},
		{"10.0.0.1:5", []string{"198.51.100.1, "}, "10.0.0.1"},
		{"10.0.0.1:5", []string{""}, "10.0.0.1"},
		{"10.0.0.1:5", []string{"unknown"}, "10.0.0.1"},
		{"10.0.0.1:5", []string{"198.51.100.1, " + hops(maxForwardedHops-2)}, "198.51.100.1"},
		{"10.0.0.1:5", []string{"198.51.100.1, " + hops(maxForwardedHops-1)}, "10.0.0.1"},
		{"@", []string{"198.51.100.1"}, ""},
	} {
		r := &http.Request{RemoteAddr: test.remote, Header: http.Header{"X-Forwarded-For": test.forwarded}}
		var want netip.Addr
		if test.want != "" {
			want = netip.MustParseAddr(test.want)
		}
		if got := clientAddress(r, trusted); got != want {
			t.Errorf("%s %q: %s, want %s", test.remote, test.forwarded, got, test.want)
		}
	}
}

func TestLoopbackAndTrustedProxiesAreNotCounted(t *testing.T) {
	book := addressBook{secret: [32]byte{1}, trusted: prefixes("10.0.0.0/8")}
	for remote, counted := range map[string]bool{"127.0.0.1:5": false, "[::1]:5": false, "[::ffff:127.0.0.1]:5": false, "10.0.0.1:5": false, "192.0.2.1:5": true} {
		key, limitKey := book.keys(&http.Request{RemoteAddr: remote})
		if key == 0 || (limitKey != 0) != counted || counted && limitKey != key {
			t.Errorf("%s: %d, %d", remote, key, limitKey)
		}
	}
}

func TestAddressKey(t *testing.T) {
	key := func(s string) uint64 { return addressKey([32]byte{1}, netip.MustParseAddr(s)) }
	for _, same := range [][2]string{{"192.0.2.1", "::ffff:192.0.2.1"}, {"2001:db8::1", "2001:db8::ffff:1"}} {
		if key(same[0]) != key(same[1]) {
			t.Errorf("%v differ", same)
		}
	}
	seen := make(map[uint64]string)
	for _, s := range []string{"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1", "::1", "c000:201::"} {
		k := key(s)
		if k == 0 || seen[k] != "" {
			t.Errorf("%s and %q share %d", s, seen[k], k)
		}
		seen[k] = s
	}
	if addressKey([32]byte{2}, netip.MustParseAddr("192.0.2.1")) == key("192.0.2.1") {
		t.Error("the key does not depend on the secret")
	}
	if addressKey([32]byte{1}, netip.Addr{}) != 0 {
		t.Error("no address has a key")
	}
}

func TestLimiter(t *testing.T) {
	l := newLimiter(2)
	for range 5 {
		if !l.acquire(0) {
			t.Fatal("key 0 is counted")
		}
		l.release(0)
	}
	for _, key := range []uint64{7, 7, 7 + limiterShards} {
		if !l.acquire(key) {
			t.Fatal("the bound is less than 2 for each key")
		}
	}
	if l.acquire(7) {
		t.Fatal("the bound is more than 2")
	}
	l.restore(7) // past the bound
	l.release(7)
	if l.acquire(7) {
		t.Fatal("restored ones do not count")
	}
	l.release(7)
	if !l.acquire(7) {
		t.Fatal("a released place stays taken")
	}
	l.release(7)
	l.release(7)
	l.release(7 + limiterShards)
	for i := range l.shards {
		if l.shards[i].counts != nil {
			t.Error("an empty shard keeps its map")
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("released more than was acquired")
		}
	}()
	l.release(7)
}

func TestLimiterWithoutBoundCounts(t *testing.T) {
	l := newLimiter(0)
	for range 1000 {
		if !l.acquire(7) {
			t.Fatal("refused")
		}
	}
}

func TestLimiterFromManyGoroutines(t *testing.T) {
	l := newLimiter(3)
	var group sync.WaitGroup
	for key := uint64(1); key <= 40; key++ {
		group.Go(func() {
			for range 200 {
				if l.acquire(key % 8) {
					l.release(key % 8)
				}
			}
		})
	}
	group.Wait()
	for i := range l.shards {
		if l.shards[i].counts != nil {
			t.Error("an empty shard keeps its map")
		}
	}
}
