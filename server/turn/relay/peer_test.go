package relay

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"usher/server/metrics"
)

func TestPeersThatAreNotPublicAreDenied(t *testing.T) {
	s := open(t, nil)
	conn, peer := s.dial(t, ann, time.Hour, "udp").allocate(), echo(t)
	if passes(t, conn, conn, peer) {
		t.Error("a peer on loopback is reached")
	}
	for _, address := range []string{"10.0.0.1:9", "169.254.169.254:80", "192.168.1.1:53", "100.64.0.1:9", "0.0.0.0:9", "224.0.0.1:9"} {
		to, _ := net.ResolveUDPAddr("udp", address)
		if _, err := conn.WriteTo([]byte("x"), to); err == nil {
			t.Errorf("%s is permitted", address)
		}
	}
	if s.refused(metrics.TURNPeer) == 0 {
		t.Error("the refusals are not counted")
	}
}

// Nobody reaches another service of this machine through its public address, or is reached by it.
func TestOnlyRelayedPortsOfThePublicAddressAreReached(t *testing.T) {
	s := open(t, nil)
	a := s.dial(t, ann, time.Hour, "udp").allocate()
	relayed, _ := addrPort(a.LocalAddr())
	if _, ok := s.reach(relayed); !ok {
		t.Error("its own address is not reached")
	}
	service, _ := addrPort(echo(t))
	if to, ok := s.reach(service); ok {
		t.Errorf("%s is reached", to)
	}
	if from, ok := s.peerOf(service); ok {
		t.Errorf("%s reaches it", from)
	}
}

func TestAllowedPeersAreReached(t *testing.T) {
	s := open(t, func(c *Config) { c.AllowPeers = []netip.Prefix{loopback} })
	conn, peer := s.dial(t, ann, time.Hour, "udp").allocate(), echo(t)
	if !passes(t, conn, conn, peer) {
		t.Error("nothing came through")
	}
}

func TestPeerAddresses(t *testing.T) {
	p := newPeers(&Config{PublicIP: netip.MustParseAddr("9.9.9.1"), AllowPeers: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}})
	p.own[netip.MustParseAddr("9.9.9.2")] = true
	for address, want := range map[string]bool{
		"9.9.9.9": true, "2606:4700::1111": true, "::ffff:9.9.9.9": true, "10.1.2.3": true, "::ffff:10.1.2.3": true,
		"9.9.9.1": false, "9.9.9.2": false, "10.2.0.1": false, "172.16.0.1": false, "192.168.0.1": false, "127.0.0.1": false, "127.1.2.3": false,
		"0.0.0.0": false, "0.1.2.3": false, "169.254.169.254": false, "100.64.0.1": false, "192.0.0.1": false, "192.88.99.1": false,
		"198.18.0.1": false, "224.0.0.1": false, "239.1.1.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd12::1": false, "ff02::1": false, "fec0::1": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::127.0.0.1": false, "::ffff:0:127.0.0.1": false,
		"64:ff9b::127.0.0.1": false, "64:ff9b::9.9.9.9": false, "64:ff9b:1::10.0.0.1": false,
		"2002:7f00:1::": false, "2002:0a00:1::1": false, "2002:909:909::1": false, "2001::1": false, "2001:db8::1": false, "3fff::1": false, "100::1": false,
	} {
		if got := p.allows(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	if p.allows(netip.Addr{}) {
		t.Error("no address is allowed")
	}
}
