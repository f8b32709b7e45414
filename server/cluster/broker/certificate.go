package broker

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"sync"
	"time"
)

const (
	// peerName is in each leaf certificate and is what the dialing side asks for: that a peer knows
	// the secret is the proof, not its host name.
	peerName = "peer.usher"
	// leafLife is short, because a leaf is made again in a millisecond. clockSkew is how far the
	// clocks of two nodes may differ.
	leafLife  = 24 * time.Hour
	clockSkew = 24 * time.Hour
)

// derive returns 32 bytes that only those who have the secret can compute. Each use has its label.
func derive(secret []byte, label string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, "usher cluster 1: "+label, 32)
	if err != nil {
		panic(err) // only for a length that HKDF cannot give
	}
	return key
}

// fingerprint names a cluster without revealing its secret.
func fingerprint(secret []byte) string { return hex.EncodeToString(derive(secret, "fingerprint")[:16]) }

// authority makes the certificates of one node.
type authority struct {
	key  ed25519.PrivateKey
	ca   *x509.Certificate
	pool *x509.CertPool
	node string

	mu    sync.Mutex
	leaf  *tls.Certificate
	renew time.Time
}

// newAuthority makes the cluster's certificate authority. All nodes make the same one: the key, the
// fields and an Ed25519 signature have nothing random in them.
func newAuthority(secret []byte, node string) (*authority, error) {
	key := ed25519.NewKeyFromSeed(derive(secret, "certificate authority"))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "usher cluster " + fingerprint(secret)},
		// RFC 5280, 4.1.2.5: no end
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the cluster's certificate authority: %w", err)
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading the cluster's certificate authority: %w", err)
	}
	a := &authority{key: key, ca: ca, pool: x509.NewCertPool(), node: node}
	a.pool.AddCert(ca)
	return a, nil
}

// certificate returns this node's leaf, a new one after half of its life.
func (a *authority) certificate() (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if a.leaf != nil && now.Before(a.renew) {
		return a.leaf, nil
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: a.node}, DNSNames: []string{peerName},
		NotBefore: now.Add(-clockSkew), NotAfter: now.Add(leafLife + clockSkew), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.ca, public, a.key)
	if err != nil {
		return nil, err
	}
	a.leaf, a.renew = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, now.Add(leafLife/2)
	return a.leaf, nil
}

// config is for both sides of a route.
func (a *authority) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: peerName, RootCAs: a.pool,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.pool,
		GetCertificate:       func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.certificate() },
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return a.certificate() },
	}
}

// OperatorToken proves that an operator has the cluster's secret, without revealing it to whoever
// reads the request.
func OperatorToken(secret []byte) string { return hex.EncodeToString(derive(secret, "operator")) }
