package edge

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"usher/server/servertest"
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
		doubt     doubt
	}{
		{"192.0.2.1:5", nil, "192.0.2.1", noDoubt},
		{"[2001:db8::1]:5", nil, "2001:db8::1", noDoubt},
		{"[::ffff:192.0.2.1]:5", nil, "192.0.2.1", noDoubt},
		{"[fe80::1%eth0]:5", nil, "fe80::1", noDoubt},
		// Anybody can write the header, so only a trusted proxy is believed.
		{"192.0.2.1:5", []string{"198.51.100.1"}, "192.0.2.1", noDoubt},
		{"10.0.0.1:5", nil, "10.0.0.1", noDoubt},
		{"10.0.0.1:5", []string{"198.51.100.1"}, "198.51.100.1", noDoubt},
		{"[::ffff:10.0.0.1]:5", []string{"198.51.100.1"}, "198.51.100.1", noDoubt},
		{"10.0.0.1:5", []string{"198.51.100.1, 198.51.100.2"}, "198.51.100.2", noDoubt},
		{"10.0.0.1:5", []string{"198.51.100.1,198.51.100.2 , 10.0.0.2,\t[fd00::1]"}, "198.51.100.2", noDoubt},
		{"10.0.0.1:5", []string{"198.51.100.1", "198.51.100.2", "10.0.0.2"}, "198.51.100.2", noDoubt},
		{"10.0.0.1:5", []string{"198.51.100.1:8000"}, "198.51.100.1", noDoubt},
		{"10.0.0.1:5", []string{"[2001:db8::2]:8000"}, "2001:db8::2", noDoubt},
		{"10.0.0.1:5", []string{"::ffff:198.51.100.1"}, "198.51.100.1", noDoubt},
		{"10.0.0.1:5", []string{"garbage, 198.51.100.1"}, "198.51.100.1", noDoubt},
		{"10.0.0.1:5", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3", noDoubt},
		{"10.0.0.1:5", []string{"198.51.100.1, garbage"}, "10.0.0.1", unreadableHop},
		{"10.0.0.1:5", []string{"198.51.100.1, "}, "10.0.0.1", unreadableHop},
		{"10.0.0.1:5", []string{""}, "10.0.0.1", unreadableHop},
		{"10.0.0.1:5", []string{"unknown"}, "10.0.0.1", unreadableHop},
		{"10.0.0.1:5", []string{"198.51.100.1, " + hops(maxForwardedHops-2)}, "198.51.100.1", noDoubt},
		{"10.0.0.1:5", []string{"198.51.100.1, " + hops(maxForwardedHops-1)}, "10.0.0.1", tooManyHops},
		// This is an untrusted proxy on the same host or network. From anywhere else, a
		// client may write anything.
		{"127.0.0.1:5", []string{"198.51.100.1"}, "127.0.0.1", untrustedProxy},
		{"[::1]:5", []string{"198.51.100.1"}, "::1", untrustedProxy},
		{"192.168.0.2:5", []string{"198.51.100.1"}, "192.168.0.2", untrustedProxy},
		{"127.0.0.1:5", nil, "127.0.0.1", noDoubt},
		{"@", []string{"198.51.100.1"}, "", noDoubt},
	} {
		r := &http.Request{RemoteAddr: test.remote, Header: http.Header{"X-Forwarded-For": test.forwarded}}
		var want netip.Addr
		if test.want != "" {
			want = netip.MustParseAddr(test.want)
		}
		if got, doubt := clientAddress(r, trusted); got != want || doubt != test.doubt {
			t.Errorf("%s %q: %s, %q; want %s, %q", test.remote, test.forwarded, got, doubts[doubt], test.want, doubts[test.doubt])
		}
	}
}

func TestEveryAddressCountsButATrustedProxysOwn(t *testing.T) {
	log := new(servertest.LogBuffer)
	book := addressBook{secret: [32]byte{1}, trusted: prefixes("10.0.0.0/8"), log: slog.New(slog.NewTextHandler(log, nil))}
	for _, test := range []struct {
		remote, forwarded string
		counted           bool
		warning           doubt
	}{
		{"192.0.2.1:5", "", true, noDoubt},
		{"192.0.2.1:5", "198.51.100.1", true, noDoubt},
		{"127.0.0.1:5", "", true, noDoubt},
		{"[::1]:5", "", true, noDoubt},
		{"[::ffff:127.0.0.1]:5", "", true, noDoubt},
		{"10.0.0.1:5", "", false, noDoubt},
		{"10.0.0.1:5", "10.0.0.2", false, noDoubt},
		{"10.0.0.1:5", "198.51.100.1", true, noDoubt},
		{"10.0.0.1:5", "unknown", true, unreadableHop},
		{"10.0.0.1:5", strings.Repeat("10.0.0.9,", maxForwardedHops) + "10.0.0.9", true, tooManyHops},
		{"127.0.0.1:5", "198.51.100.1", true, untrustedProxy},
	} {
		for range 3 {
			r := &http.Request{RemoteAddr: test.remote, Header: http.Header{}}
			if test.forwarded != "" {
				r.Header.Set("X-Forwarded-For", test.forwarded)
			}
			key, limitKey := book.keys(r)
			if key == 0 || (limitKey != 0) != test.counted || test.counted && limitKey != key {
				t.Errorf("%s for %q: %d, %d", test.remote, test.forwarded, key, limitKey)
			}
		}
		want := 0
		if test.warning != noDoubt {
			want = 1
		}
		if got := strings.Count(log.String(), "level=WARN"); got != want {
			t.Errorf("%s for %q: %d warnings, want %d: %s", test.remote, test.forwarded, got, want, log)
		}
		if text := log.String(); want == 1 && !strings.Contains(text, doubts[test.warning]) || strings.Contains(text, "198.51.100") {
			t.Errorf("%s for %q is logged as %s", test.remote, test.forwarded, text)
		}
		log.Reset()
	}
	same := func(a, b string) bool {
		keyA, _ := book.keys(&http.Request{RemoteAddr: a})
		keyB, _ := book.keys(&http.Request{RemoteAddr: b})
		return keyA == keyB
	}
	if same("127.0.0.1:5", "127.0.0.2:5") || same("127.0.0.1:5", "[::1]:5") || !same("127.0.0.1:5", "127.0.0.1:6") {
		t.Error("each loopback address is one of its own")
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
