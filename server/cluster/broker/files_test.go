package broker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"usher/server/servertest"
)

// issuer is somebody's certificate authority, with files.
type issuer struct {
	t    *testing.T
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newIssuer(t *testing.T, name string) *issuer {
	t.Helper()
	i := &issuer{t: t, dir: t.TempDir()}
	i.key, i.cert = i.sign(name, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return i
}

// sign makes NAME.pem and NAME.key.
func (i *issuer) sign(name string, template *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	i.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	parent, signer := template, key
	if i.cert != nil {
		parent, signer = i.cert, i.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		i.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		i.t.Fatal(err)
	}
	i.write(name+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	i.write(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		i.t.Fatal(err)
	}
	return key, cert
}

func (i *issuer) write(name string, text []byte) (path string) {
	i.t.Helper()
	path = filepath.Join(i.dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		i.t.Fatal(err)
	}
	return path
}

// leaf signs a certificate for 127.0.0.1, unless change says something else.
func (i *issuer) leaf(name string, change func(*x509.Certificate)) TLSFiles {
	i.t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	change(template)
	i.sign(name, template)
	return TLSFiles{CA: filepath.Join(i.dir, i.cert.Subject.CommonName+".pem"), Cert: filepath.Join(i.dir, name+".pem"), Key: filepath.Join(i.dir, name+".key")}
}

func asIs(*x509.Certificate) {}

// Nodes with certificates of one authority find each other, and one with another's is refused.
func TestNodesUseGivenCertificates(t *testing.T) {
	peers, ours, others := servertest.FreeAddresses(t, 3), newIssuer(t, "ours"), newIssuer(t, "others")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var nodes [3]*Broker
	start := func(i int, dir string, files TLSFiles) {
		nodes[i] = started(t, Config{
			NodeID: fmt.Sprint("node-", i), Listen: peers[i], Peers: peers, Secret: testSecret, TLS: files, Dir: dir, Log: slog.New(slog.DiscardHandler),
		})
	}
	dirs := [3]string{t.TempDir(), t.TempDir(), t.TempDir()}
	for i := range nodes {
		start(i, dirs[i], ours.leaf(fmt.Sprint("leaf-", i), asIs))
	}
	for _, b := range nodes {
		if err := b.Ready(ctx); err != nil {
			t.Fatal(err)
		}
	}
	nodes[2].Close()
	start(2, dirs[2], others.leaf("leaf-2", asIs))
	for nodes[0].refused.Load() < 1 || nodes[2].refused.Load() < 1 {
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			t.Fatalf("refused %d and %d times", nodes[0].refused.Load(), nodes[2].refused.Load())
		}
	}
	if n := nodes[2].server.NumRoutes(); n > 0 {
		t.Errorf("%d routes with another authority's certificate", n)
	}
}

// Files with which no peer would take the node are refused before anything starts.
func TestWrongCertificateFiles(t *testing.T) {
	ours, others := newIssuer(t, "ours"), newIssuer(t, "others")
	good := ours.leaf("good", asIs)
	with := func(change func(*TLSFiles)) TLSFiles {
		files := good
		change(&files)
		return files
	}
	for _, row := range []struct {
		name           string
		files          TLSFiles
		problem, hints string
	}{
		{"no authority", with(func(f *TLSFiles) { f.CA = "" }), "missing", "cluster-tls-ca"},
		{"no key", with(func(f *TLSFiles) { f.Key = "" }), "missing", "cluster-tls-key"},
		{"a missing file", with(func(f *TLSFiles) { f.Cert = "none.pem" }), "none.pem", "may read"},
		{"a missing authority", with(func(f *TLSFiles) { f.CA = "none.pem" }), "none.pem", "may read"},
		{"a key for an authority", with(func(f *TLSFiles) { f.CA = good.Key }), "no certificate", "BEGIN CERTIFICATE"},
		{"another's key", with(func(f *TLSFiles) { f.Key = ours.leaf("other", asIs).Key }), "private key does not match", "one pair"},
		{"another's authority", with(func(f *TLSFiles) { f.CA = others.leaf("x", asIs).CA }), "not of an authority", "signed the certificates"},
		{"expired", ours.leaf("old", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), "is valid from", "clock"},
		{"not yet valid", ours.leaf("young", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), "is valid from", "clock"},
		{"for servers only", ours.leaf("server", func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] }), "clientAuth", "dial and accept"},
		{"for another host", ours.leaf("host", func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"node"} }), "not for 127.0.0.1", "alternative name"},
	} {
		c := Config{Listen: "127.0.0.1:7001", Peers: []string{"127.0.0.1:7001", "127.0.0.1:7002", "127.0.0.1:7003"}, Secret: testSecret, Dir: t.TempDir(), TLS: row.files}
		t.Run(row.name, func(t *testing.T) { wantError(t, c.Check(), ErrTLS, row.problem, row.hints) })
	}
}

// A certificate that was replaced is used for the next connection, and a broken one is not.
func TestCertificateFilesAreReadAgain(t *testing.T) {
	ours := newIssuer(t, "ours")
	files := ours.leaf("leaf", asIs)
	config, err := files.between("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	shown := func() string {
		t.Helper()
		pair, err := config.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf.SerialNumber.String()
	}
	first := shown()
	ours.leaf("leaf", asIs)
	second := shown()
	if second == first {
		t.Error("the old certificate is shown")
	}
	ours.write("leaf.pem", []byte("half of"))
	if shown() != second {
		t.Error("a broken certificate is used")
	}
}

// NATS servers with certificates of an operator's own authority, which may want the node's.
func TestExternalServersWithTLS(t *testing.T) {
	ours, others := newIssuer(t, "ours"), newIssuer(t, "others")
	files := ours.leaf("server", asIs)
	serve := func(verify bool) string {
		return foreign(t, func(o *server.Options) {
			config, err := files.between("127.0.0.1:1")
			if err != nil {
				t.Fatal(err)
			}
			if !verify {
				config.ClientAuth = tls.NoClientCert
			}
			o.TLS, o.TLSVerify, o.TLSConfig, o.TLSTimeout = true, verify, config, 5
		})
	}
	open, strict, plain := serve(false), serve(true), foreign(t, func(*server.Options) {})
	client := ours.leaf("client", asIs)
	for _, row := range []struct {
		name, url     string
		files         TLSFiles
		kind          error
		problem, hint string
	}{
		{"its authority", "tls://" + open, TLSFiles{CA: files.CA}, nil, "", ""},
		{"an authority makes TLS wanted", "nats://" + open, TLSFiles{CA: files.CA}, nil, "", ""},
		{"no authority", "tls://" + open, TLSFiles{}, ErrTLS, "unknown authority", "cluster-tls-ca"},
		{"another authority", "tls://" + open, TLSFiles{CA: others.leaf("x", asIs).CA}, ErrTLS, "unknown authority", "cluster-tls-ca"},
		{"a server that wants none", "nats://" + plain, TLSFiles{CA: files.CA}, ErrTLS, "no TLS", "nats://"},
		{"a server that wants a certificate", "tls://" + strict, client, nil, "", ""},
		{"and gets none", "tls://" + strict, TLSFiles{CA: files.CA}, ErrTLS, "refuses", "cluster-tls-cert"},
		{"and gets another's", "tls://" + strict, TLSFiles{CA: files.CA, Cert: others.leaf("y", asIs).Cert, Key: others.dir + "/y.key"}, ErrTLS, "refuses", "cluster-tls-cert"},
		{"half a pair", "tls://" + strict, TLSFiles{Cert: client.Cert}, ErrTLS, "missing", "both or neither"},
	} {
		t.Run(row.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			b, err := Connect(ctx, External{URL: row.url, TLS: row.files, SyncAssured: true, Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
			if err == nil {
				defer b.Close()
				err = b.Ready(ctx)
			}
			if row.kind == nil && err != nil || row.kind != nil && err == nil {
				t.Fatal(err)
			}
			if row.kind != nil {
				wantError(t, err, row.kind, row.problem, row.hint)
			}
		})
	}
}
