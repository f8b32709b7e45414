package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
)

// writePair writes a self-signed pair for a name into dir and returns the paths of its files.
func writePair(t *testing.T, dir, name string, notAfter time.Time) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: notAfter.Add(-48 * time.Hour), NotAfter: notAfter,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeFile(t, certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	writeFile(t, keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	return certFile, keyFile
}

func writeFile(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// serveTLS serves /ping with certificates, as the command does, and returns its address.
func serveTLS(t *testing.T, c *certificates) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Protocols: new(http.Protocols), ErrorLog: log.New(io.Discard, "", 0)}
	server.Protocols.SetHTTP1(true)
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprintf(w, "%q", r.Proto) })
	server.TLSConfig = c.tlsConfig()
	done := make(chan error)
	go func() { done <- server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return listener.Addr().String()
}

// served connects again and returns the name of the certificate.
func served(t *testing.T, address string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if state := conn.ConnectionState(); state.NegotiatedProtocol != "http/1.1" {
		t.Errorf("ALPN chose %q", state.NegotiatedProtocol)
	}
	_, _ = io.WriteString(conn, "GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if got, _ := io.ReadAll(conn); !strings.Contains(string(got), `"HTTP/1.1"`) {
		t.Errorf("%q", got)
	}
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestReloadServesTheNewPairAndKeepsTheOldOneWhenTheNewIsBad(t *testing.T) {
	dir := t.TempDir()
	later := time.Now().Add(24 * time.Hour)
	cfg := DefaultConfig()
	cfg.TLSCert, cfg.TLSKey = writePair(t, dir, "first.test", later)
	c, err := openCertificates(cfg)
	if err != nil {
		t.Fatal(err)
	}
	address := serveTLS(t, c)
	want := func(name string) {
		t.Helper()
		if got := served(t, address); got != name {
			t.Errorf("served %s, want %s", got, name)
		}
	}
	want("first.test")

	writePair(t, dir, "second.test", later)
	want("first.test")
	if err := c.Reload(); err != nil {
		t.Fatal(err)
	}
	want("second.test")

	spoil := map[string]func(){
		"expired on": func() { writePair(t, dir, "third.test", time.Now().Add(-time.Hour)) },
		"tls-cert ":  func() { writeFile(t, cfg.TLSCert, []byte("no PEM")) },
		"does not match": func() {
			key, _ := os.ReadFile(cfg.TLSKey)
			writePair(t, dir, "fourth.test", later)
			writeFile(t, cfg.TLSKey, key)
		},
		"tls-key: open": func() {
			writePair(t, dir, "fifth.test", later)
			_ = os.Remove(cfg.TLSKey)
		},
	}
	for message, damage := range spoil {
		writePair(t, dir, "unused.test", later)
		damage()
		if err := c.Reload(); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("want %s: %v", message, err)
		}
		want("second.test")
	}
	writePair(t, dir, "last.test", later)
	for _, file := range []string{cfg.TLSCert, cfg.TLSKey} { // as some editors write them
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, file, append([]byte("\ufeff"), data...))
	}
	if err := c.Reload(); err != nil {
		t.Fatal(err)
	}
	want("last.test")
}

func TestOldTLSIsRefused(t *testing.T) {
	cfg := DefaultConfig()
	cfg.TLSCert, cfg.TLSKey = writePair(t, t.TempDir(), "a.test", time.Now().Add(time.Hour))
	c, err := openCertificates(cfg)
	if err != nil {
		t.Fatal(err)
	}
	address := serveTLS(t, c)
	for version, ok := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: version})
		if (err == nil) != ok {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			conn.Close()
		}
	}
}

func TestMissingCertificateIsNamed(t *testing.T) {
	cfg := DefaultConfig()
	cfg.TLSCert, cfg.TLSKey = filepath.Join(t.TempDir(), "none.pem"), "none"
	if _, err := openCertificates(cfg); err == nil || !strings.HasPrefix(err.Error(), "tls-cert: open ") {
		t.Error(err)
	}
}

func TestWithoutTLSThereAreNoCertificates(t *testing.T) {
	if c, err := openCertificates(DefaultConfig()); c != nil || err != nil {
		t.Error(c, err)
	}
}

func TestACMEKeepsItsKeysToItselfAndServesItsDomainsAlone(t *testing.T) {
	cfg := DefaultConfig()
	cfg.DataDir = t.TempDir()
	cfg.TLSDomains = []string{"a.example.org"}
	cfg.ACMEDirectory = "https://ca.test/directory"
	cache := filepath.Join(cfg.DataDir, "acme")
	if err := os.Mkdir(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := openCertificates(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(cache); err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info, err)
	}
	if got := c.acme.Client.DirectoryURL; got != cfg.ACMEDirectory {
		t.Error(got)
	}
	config := c.tlsConfig()
	if !slices.Equal(config.NextProtos, []string{"http/1.1", acme.ALPNProto}) {
		t.Error(config.NextProtos)
	}
	if _, err := config.GetCertificate(&tls.ClientHelloInfo{ServerName: "b.example.org"}); err == nil || !strings.Contains(err.Error(), "not configured") {
		t.Error(err)
	}
	if err := c.Reload(); err != nil {
		t.Error(err)
	}
}
