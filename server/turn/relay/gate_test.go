package relay

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"usher/server/metrics"
	"usher/server/servertest"
)

// A reply to somebody who has proved nothing is small, and there are few.
func TestStrangersGetFewReplies(t *testing.T) {
	_, still := at(time.Now())
	s := open(t, still)
	conn, err := net.Dial("udp", s.address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	request := make([]byte, stunHeader)
	binary.BigEndian.PutUint16(request, bindingRequest)
	binary.BigEndian.PutUint32(request[4:], magicCookie)
	const requests = 10 * strangersBurst
	replies, buffer := 0, make([]byte, 2048)
	for i := range requests {
		binary.BigEndian.PutUint32(request[8:], uint32(i))
		if _, err := conn.Write(request); err != nil {
			t.Fatal(err)
		}
		if i < strangersBurst { // one after the other, so that none is lost
			_ = conn.SetReadDeadline(time.Now().Add(servertest.Patience))
			n, err := conn.Read(buffer)
			if err != nil {
				t.Fatal(i, err)
			}
			if n > 3*len(request) {
				t.Fatalf("a reply of %d bytes to %d", n, len(request))
			}
			replies++
		}
	}
	servertest.Eventually(t, "the rest is dropped", func() bool { return s.refused(metrics.TURNRate) == requests-strangersBurst })
}

func TestOnlyRequestsOfStrangersAreHeard(t *testing.T) {
	s := open(t, nil)
	conn, err := net.Dial("udp", s.address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	channelData := []byte{0x40, 0, 0, 4, 1, 2, 3, 4}
	indication := make([]byte, stunHeader)
	binary.BigEndian.PutUint16(indication, 0x0016) // Send
	binary.BigEndian.PutUint32(indication[4:], magicCookie)
	packets := [][]byte{{}, {1}, channelData, indication, make([]byte, 1500)}
	for _, packet := range packets {
		_, _ = conn.Write(packet)
	}
	servertest.Eventually(t, "all are dropped", func() bool { return s.refused(metrics.TURNNotARequest) == uint64(len(packets)) })
}

func TestConnectionsAreBounded(t *testing.T) {
	s := open(t, nil)
	for range maxStreamsPerAddress + 5 {
		conn, err := net.Dial("tcp", s.address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	servertest.Eventually(t, "the surplus is closed", func() bool { return s.refused(metrics.TURNConnections) == 5 })
}

func TestGateIsForNetworks(t *testing.T) {
	now := time.Now()
	g := newGate(func() time.Time { return now })
	ip := netip.MustParseAddr("2001:db8::1")
	for range strangersBurst {
		if !g.admits(ip) {
			t.Fatal("refused too early")
		}
	}
	if g.admits(netip.MustParseAddr("2001:db8::2")) {
		t.Error("another address of the same /64 has a budget of its own")
	}
	now = now.Add(time.Second)
	for range strangersPerSecond {
		if !g.admits(ip) {
			t.Fatal("the budget does not refill")
		}
	}
	if g.admits(ip) {
		t.Error("the budget refills too fast")
	}
}
