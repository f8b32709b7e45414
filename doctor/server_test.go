package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/server"
	"usher/server/servertest"
)

// serve runs a real server and returns its URL.
func serve(t *testing.T, change func(*server.Config)) string {
	t.Helper()
	config := server.DefaultConfig()
	config.Listen, config.DataDir, config.Log = "127.0.0.1:0", t.TempDir(), slog.New(slog.DiscardHandler)
	config.DrainSpread = 0
	if change != nil {
		change(&config)
	}
	s, err := server.New(config)
	for tries := 0; err != nil && config.TURNRelay.Enabled() && tries < 5; tries++ {
		s, err = server.New(config) // a port was free for UDP and not for TCP
	}
	if err != nil {
		t.Fatal(err)
	}
	servertest.Run(t, s)
	return "http://" + s.Addr().String()
}

// relays gives a server a STUN and TURN server of its own.
func relays(c *server.Config) {
	c.TURNRelay.Listen, c.TURNRelay.PublicIP = []string{"127.0.0.1:0"}, netip.MustParseAddr("127.0.0.1")
}

// behind is a proxy in front of a server, as a test bends it.
func behind(t *testing.T, target string, bend func(*httputil.ReverseProxy)) http.Handler {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host },
		Transport: &http.Transport{DisableKeepAlives: true},
		ErrorLog:  log.New(io.Discard, "", 0),
	}
	if bend != nil {
		bend(proxy)
	}
	return proxy
}

// plain serves a handler by HTTP.
func plain(t *testing.T, handler http.Handler) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

// secure serves a handler by HTTPS as usher.test, and returns its URL.
func secure(t *testing.T, handler http.Handler, certificate tls.Certificate) string {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return "https://usher.test:" + port
}

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, pool: x509.NewCertPool()}
	a.key = newKey(t)
	template := template("Test authority", time.Now().Add(365*24*time.Hour))
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	template.DNSNames = nil
	a.cert = parse(t, sign(t, template, template, a.key, a.key))
	a.pool.AddCert(a.cert)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func template(name string, until time.Time) *x509.Certificate {
	number, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	return &x509.Certificate{SerialNumber: number, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-90 * 24 * time.Hour), NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature}
}

func sign(t *testing.T, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) []byte {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func parse(t *testing.T, der []byte) *x509.Certificate {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// issue returns a certificate for a name.
func (a *authority) issue(name string, until time.Time) tls.Certificate {
	key := newKey(a.t)
	return tls.Certificate{Certificate: [][]byte{sign(a.t, template(name, until), a.cert, key, a.key)}, PrivateKey: key}
}

// certify gives a server a certificate for usher.test, and TURN over TLS with it.
func (a *authority) certify(c *server.Config) {
	relays(c)
	c.TURNRelay.ListenTLS, c.TURNRelay.Host = []string{"127.0.0.1:0"}, "usher.test"
	pair := a.issue("usher.test", time.Now().Add(60*24*time.Hour))
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		a.t.Fatal(err)
	}
	folder := a.t.TempDir()
	c.TLSCert, c.TLSKey = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for file, block := range map[string]*pem.Block{
		c.TLSCert: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, c.TLSKey: {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
}

func selfSigned(t *testing.T, name string) tls.Certificate {
	key := newKey(t)
	c := template(name, time.Now().Add(90*24*time.Hour))
	return tls.Certificate{Certificate: [][]byte{sign(t, c, c, key, key)}, PrivateKey: key}
}

// nameServer is a DNS server that knows usher.test, which is 127.0.0.1, and no other name.
func nameServer(t *testing.T) *net.Resolver {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	go func() {
		packet := make([]byte, 512)
		for {
			n, from, err := socket.ReadFrom(packet)
			if err != nil {
				return
			}
			_, _ = socket.WriteTo(nameReply(packet[:n]), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
}

// nameReply answers a question (RFC 1035, section 4.1).
func nameReply(question []byte) []byte {
	const header, typeA = 12, 1
	end := header
	for end < len(question) && question[end] != 0 {
		end += int(question[end]) + 1
	}
	end += 5 // the root label, type and class
	if end > len(question) {
		return nil
	}
	kind := binary.BigEndian.Uint16(question[end-4:])
	known := strings.HasPrefix(string(question[header:]), "\x05usher\x04test\x00")
	reply := append([]byte(nil), question[:end]...)
	copy(reply[2:], []byte{0x85, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}) // an authoritative reply
	switch {
	case !known:
		reply[3] |= 3 // no such name
	case kind == typeA:
		reply[7] = 1
		reply = append(reply, 0xc0, header, 0, typeA, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1)
	}
	return reply
}

// pipe is a proxy of bytes: what comes from the server passes through back.
func pipe(t *testing.T, target string, back func(to io.Writer, from io.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			origin, err := net.Dial("tcp", strings.TrimPrefix(target, "http://"))
			if err != nil {
				_ = client.Close()
				continue
			}
			end := func() { _ = client.Close(); _ = origin.Close() }
			go func() { defer end(); _, _ = io.Copy(origin, client) }()
			go func() { defer end(); back(client, origin) }()
		}
	}()
	return "http://" + l.Addr().String()
}
