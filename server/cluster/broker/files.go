package broker

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// TLSFiles are PEM files. The zero value is none.
type TLSFiles struct {
	// CA has the certificates of the authorities that are believed.
	CA string
	// Cert and Key are this node's certificate, with its chain, and private key. They are read for
	// each connection, so that they can be replaced.
	Cert, Key string
}

func (f TLSFiles) none() bool { return f == TLSFiles{} }

func tlsError(problem, hint string) error { return &Error{ErrTLS, problem, hint} }

// Between nodes each side shows its certificate, so all three files are needed. self is how the
// others know this node.
func (f TLSFiles) between(self string) (*tls.Config, error) {
	if f.CA == "" || f.Cert == "" || f.Key == "" {
		return nil, tlsError("one of the three files is missing",
			"with cluster-listen set cluster-tls-cert, cluster-tls-key and cluster-tls-ca, or none: then certificates are made from the secret\n"+
				"with cluster and cluster-link-listen set all three")
	}
	config, err := f.towards()
	if err != nil {
		return nil, err
	}
	config.ClientAuth, config.ClientCAs, config.GetCertificate = tls.RequireAndVerifyClientCert, config.RootCAs, func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return config.GetClientCertificate(nil)
	}
	pair, err := config.GetClientCertificate(nil)
	if err != nil {
		return nil, err
	}
	return config, f.check(pair, config.RootCAs, self)
}

// check looks at the own certificate as the other nodes will.
func (f TLSFiles) check(pair *tls.Certificate, roots *x509.CertPool, self string) error {
	leaf, between := pair.Leaf, x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	for _, usage := range []struct {
		name string
		of   x509.ExtKeyUsage
	}{{"serverAuth", x509.ExtKeyUsageServerAuth}, {"clientAuth", x509.ExtKeyUsageClientAuth}} {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{usage.of}})
		if invalid := (x509.CertificateInvalidError{}); errors.As(err, &invalid) && invalid.Reason == x509.Expired {
			return tlsError(fmt.Sprintf("%s is valid from %s to %s", f.Cert, leaf.NotBefore.Format(time.RFC3339), leaf.NotAfter.Format(time.RFC3339)),
				"replace it, or set this machine's clock")
		} else if errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage {
			return tlsError(f.Cert+" lacks the extended key usage "+usage.name, "nodes dial and accept: the certificate needs serverAuth and clientAuth")
		} else if err != nil {
			return tlsError(fmt.Sprintf("%s is not of an authority in %s: %v", f.Cert, f.CA, err), "cluster-tls-ca is the authority that signed the certificates of all nodes; cluster-tls-cert has the chain up to it")
		}
	}
	host, _, err := net.SplitHostPort(self)
	if err != nil {
		return nil // a test without peers
	}
	if err := leaf.VerifyHostname(host); err != nil {
		return tlsError(fmt.Sprintf("%s is not for %s: %v", f.Cert, host, err), "the certificate needs the host by which the others reach this node, that of its entry in cluster-peers, as a subject alternative name")
	}
	return nil
}

// towards is for connections to servers that show a certificate, and may want one.
func (f TLSFiles) towards() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		text, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, tlsError(err.Error(), "cluster-tls-ca names a PEM file that this process may read")
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, tlsError(f.CA+" has no certificate in PEM form", "cluster-tls-ca has the certificate of the authority: -----BEGIN CERTIFICATE-----")
		}
	}
	if (f.Cert == "") != (f.Key == "") {
		return nil, tlsError("one of cluster-tls-cert and cluster-tls-key is missing", "set both or neither")
	}
	if f.Cert == "" {
		return config, nil
	}
	pair, err := f.pair()
	if err != nil {
		return nil, tlsError(err.Error(), "cluster-tls-cert and cluster-tls-key are PEM files of one pair, which this process may read")
	}
	var mu sync.Mutex
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		newest, err := f.pair()
		mu.Lock()
		defer mu.Unlock()
		if err == nil { // otherwise it is being replaced
			pair = newest
		}
		return pair, nil
	}
	return config, nil
}

func (f TLSFiles) pair() (*tls.Certificate, error) {
	cert, err := os.ReadFile(f.Cert)
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(f.Key)
	if err != nil {
		return nil, err
	}
	mark := []byte("\ufeff") // of some editors
	pair, err := tls.X509KeyPair(bytes.TrimPrefix(cert, mark), bytes.TrimPrefix(key, mark))
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", f.Cert, f.Key, err)
	}
	return &pair, nil
}
