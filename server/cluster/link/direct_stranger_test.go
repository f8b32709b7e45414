package link_test

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"usher/server/cluster/link"
	"usher/server/servertest"
)

// clusterTLS is what the nodes of a test have for each other.
func clusterTLS(t testing.TB) *tls.Config {
	certificate, pool := clusterCertificate(t)
	return betweenNodes(certificate, pool)
}

func betweenNodes(certificate tls.Certificate, pool *x509.CertPool) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{certificate}, ServerName: "peer.test",
		RootCAs: pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}
}

var (
	makeCluster sync.Once
	ofCluster   tls.Certificate
	clusterPool *x509.CertPool
)

func clusterCertificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	makeCluster.Do(func() { ofCluster, clusterPool = newCertificate(t) })
	return ofCluster, clusterPool
}

func newCertificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"peer.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(nil, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, pool
}

// helloOf is a dialer's hello, by its description.
func helloOf(magic string, version byte, from, to link.Incarnation) []byte {
	var rest []byte
	for _, who := range []link.Incarnation{from, to} {
		rest = binary.LittleEndian.AppendUint64(rest, who.Nonce)
		rest = append(append(rest, byte(len(who.ID))), who.ID...)
	}
	return append(append([]byte(magic), version, byte(len(rest))), rest...)
}

// counted counts the connections that it has accepted and that are open. They seem to come from so
// many addresses, by turns.
type counted struct {
	net.Listener
	addresses, accepted int
	open, most          atomic.Int32
}

type countedConn struct {
	net.Conn
	of   *counted
	from net.Addr
	once sync.Once
}

func (c *countedConn) RemoteAddr() net.Addr { return c.from }

func (c *counted) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		open := c.open.Add(1)
		for most := c.most.Load(); open > most && !c.most.CompareAndSwap(most, open); most = c.most.Load() {
		}
		from := &net.TCPAddr{IP: net.IPv4(192, 0, 2, byte(c.accepted%c.addresses)), Port: 1}
		c.accepted++
		conn = &countedConn{Conn: conn, of: c, from: from}
	}
	return conn, err
}

func (c *countedConn) Close() error {
	c.once.Do(func() { c.of.open.Add(-1) })
	return c.Conn.Close()
}

// dialTLS connects as a node does that has a certificate.
func dialTLS(t *testing.T, address string, config *tls.Config) *tls.Conn {
	t.Helper()
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	_ = raw.SetDeadline(time.Now().Add(servertest.Patience))
	return tls.Client(raw, config)
}

// ends waits until the other end has closed a connection, and returns what came before.
func ends(t *testing.T, conn net.Conn) (came []byte) {
	t.Helper()
	came, err := io.ReadAll(conn)
	var failed net.Error
	if errors.As(err, &failed) && failed.Timeout() {
		t.Error("the connection is not closed")
	}
	return came
}

// Whoever is no node of this cluster, or does not mean this incarnation, is not listened to.
func TestStrangersAreRefused(t *testing.T) {
	t.Parallel()
	s, c := newBroker(t), newCable(t)
	a, b := newDirectNode(t, s, nodeA, nil), newDirectNode(t, s, nodeB, c)
	address := c.end()
	foreign, _ := newCertificate(t)
	_, pool := clusterCertificate(t)
	other := link.Incarnation{ID: "c", Nonce: 3}
	right := helloOf("usherlnk", 1, other, nodeB)
	for _, test := range []struct {
		name   string
		config *tls.Config
		says   []byte
	}{
		{"no certificate", &tls.Config{RootCAs: pool, ServerName: "peer.test"}, right},
		{"another cluster's certificate", betweenNodes(foreign, pool), right},
		{"an older TLS", func() *tls.Config { c := clusterTLS(t); c.MaxVersion = tls.VersionTLS12; return c }(), right},
		{"another protocol", clusterTLS(t), helloOf("GET / HT", 1, other, nodeB)},
		{"another version", clusterTLS(t), helloOf("usherlnk", 2, other, nodeB)},
		{"another incarnation", clusterTLS(t), helloOf("usherlnk", 1, other, link.Incarnation{ID: nodeB.ID, Nonce: 9})},
		{"another node", clusterTLS(t), helloOf("usherlnk", 1, other, link.Incarnation{ID: "d", Nonce: nodeB.Nonce})},
		{"the node's own id", clusterTLS(t), helloOf("usherlnk", 1, nodeB, nodeB)},
		{"no id", clusterTLS(t), helloOf("usherlnk", 1, link.Incarnation{Nonce: 1}, nodeB)},
		{"half a hello", clusterTLS(t), right[:20]},
		{"a hello that is too short inside", clusterTLS(t), append([]byte("usherlnk\x01\x0a"), make([]byte, 10)...)},
	} {
		conn := dialTLS(t, address, test.config)
		_, _ = conn.Write(test.says) // fails if the handshake does
		if came := ends(t, conn); len(came) > 0 {
			t.Errorf("%s: the reply has %d bytes", test.name, len(came))
		}
	}
	garbage, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer garbage.Close()
	_ = garbage.SetDeadline(time.Now().Add(servertest.Patience))
	_, _ = garbage.Write([]byte("GET / HTTP/1.1\r\nHost: usher\r\n\r\n"))
	ends(t, garbage)
	if n := len(b.all()); n > 0 {
		t.Errorf("%d messages", n)
	}
	a.reaches(t, nodeB, true)
}

// A node's connection without a mark on NATS, and one with a message that no node sends, end.
func TestAConnectionThatBreaksTheRulesEnds(t *testing.T) {
	t.Parallel()
	s, c := newBroker(t), newCable(t)
	b := newDirectNode(t, s, nodeB, c)
	mover := connect(t, s)
	for _, test := range []struct {
		name  string
		marks bool
		says  []byte
	}{
		{"no mark", false, append([]byte{5, 0, 0, 0, 1}, "wait"...)},
		{"too large", true, binary.LittleEndian.AppendUint32(nil, link.MaxMessageBytes+1)},
		{"negative", true, []byte{0xff, 0xff, 0xff, 0xff}},
	} {
		conn := dialTLS(t, c.end(), clusterTLS(t))
		if _, err := conn.Write(append(helloOf("usherlnk", 1, nodeA, nodeB), test.says...)); err != nil {
			t.Fatal(err)
		}
		reply := make([]byte, 17)
		if _, err := io.ReadFull(conn, reply); err != nil || reply[0] != 1 {
			t.Fatal(test.name, reply, err)
		}
		if test.marks {
			if err := mover.Send(nodeB, append([]byte{0, 1}, reply[1:]...)); err != nil {
				t.Fatal(err)
			}
		}
		ends(t, conn)
	}
	if n := len(b.all()); n > 0 {
		t.Errorf("%d messages", n)
	}
}

// Connections that prove nothing are few at a time, fewer of one address, and short. A node gets in
// all the same.
func TestAFloodOfStrangersIsBounded(t *testing.T) {
	t.Parallel()
	for addresses, most := range map[int]int32{1: 8 + 1, 80: 40} {
		t.Run(fmt.Sprint(addresses), func(t *testing.T) {
			t.Parallel()
			flood(t, addresses, most)
		})
	}
}

// flood opens connections of strangers from so many addresses, of which most may be open at once.
func flood(t *testing.T, addresses int, mostOpen int32) {
	s, c, watched := newBroker(t), newCable(t), &counted{addresses: addresses}
	b := openDirect(t, s, c, discarded, func(l net.Listener) net.Listener { watched.Listener = l; return watched })
	if _, err := b.Receive(nodeB, func([]byte) {}); err != nil {
		t.Fatal(err)
	}
	var strangers []net.Conn
	for range 80 {
		conn, err := net.Dial("tcp", c.end())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		strangers = append(strangers, conn)
	}
	a := newDirectNode(t, s, nodeA, nil)
	a.reaches(t, nodeB, true)
	for _, conn := range strangers {
		_ = conn.SetDeadline(time.Now().Add(servertest.Patience))
		ends(t, conn)
	}
	if most := watched.most.Load(); most > mostOpen {
		t.Errorf("%d connections were open at once", most)
	}
}
