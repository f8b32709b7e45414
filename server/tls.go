package server

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// certificates is the source of the server's certificates: two files, or ACME.
type certificates struct {
	certFile, keyFile string
	pair              atomic.Pointer[tls.Certificate] // of the files
	acme              *autocert.Manager               // nil with files
}

// openCertificates reads the files, or prepares ACME's folder. It returns nil if cfg asks for no
// TLS. cfg must be valid.
func openCertificates(cfg Config) (*certificates, error) {
	if cfg.TLSCert != "" {
		c := &certificates{certFile: cfg.TLSCert, keyFile: cfg.TLSKey}
		pair, err := c.read()
		if err != nil {
			return nil, err
		}
		c.pair.Store(pair)
		return c, nil
	}
	if len(cfg.TLSDomains) == 0 {
		return nil, nil
	}
	// The folder contains private keys.
	cache := filepath.Join(cfg.DataDir, "acme")
	err := os.MkdirAll(cache, 0o700)
	if err == nil {
		err = os.Chmod(cache, 0o700) // it may have existed
	}
	if err != nil {
		return nil, fmt.Errorf("folder for tls-domain certificates: %w", err)
	}
	directory := cfg.ACMEDirectory
	if directory == "" {
		directory = acme.LetsEncryptURL
	}
	return &certificates{acme: &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(cache),
		HostPolicy: autocert.HostWhitelist(cfg.TLSDomains...),
		Email:      cfg.ACMEEmail,
		Client:     &acme.Client{DirectoryURL: directory, UserAgent: "usher"},
	}}, nil
}

// Reload reads the files again. If the new pair is not usable, the old one stays and the error says
// why. With ACME there is nothing to read.
func (c *certificates) Reload() error {
	if c.acme != nil {
		return nil
	}
	pair, err := c.read()
	if err != nil {
		return err
	}
	if expired := pair.Leaf.NotAfter; time.Now().After(expired) {
		return fmt.Errorf("tls-cert %s: expired on %s", c.certFile, expired.Format(time.DateOnly))
	}
	c.pair.Store(pair)
	return nil
}

func (c *certificates) read() (*tls.Certificate, error) {
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return nil, fmt.Errorf("tls-cert: %w", err)
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return nil, fmt.Errorf("tls-key: %w", err)
	}
	// Some editors write a byte order mark, which would hide the first block.
	mark := []byte("\ufeff")
	pair, err := tls.X509KeyPair(bytes.TrimPrefix(cert, mark), bytes.TrimPrefix(key, mark))
	if err != nil {
		return nil, fmt.Errorf("tls-cert %s and tls-key %s: %w", c.certFile, c.keyFile, err)
	}
	return &pair, nil
}

// tlsConfig returns the configuration of the listener. Handshakes after a Reload get the new pair.
func (c *certificates) tlsConfig() *tls.Config {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, // RFC 8996
		// Messages are small, and each record costs: no short ones at the beginning.
		DynamicRecordSizingDisabled: true,
		// No h2: a WebSocket begins with a Hijack, which HTTP/2 does not have.
		NextProtos: []string{"http/1.1"},
	}
	if c.acme != nil {
		config.GetCertificate = c.acme.GetCertificate
		config.NextProtos = append(config.NextProtos, acme.ALPNProto) // RFC 8737
		return config
	}
	config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return c.pair.Load(), nil
	}
	return config
}
