package broker

import (
	"crypto/tls"
	"net"
	"testing"
	"time"
)

// handshake lets two nodes shake hands over a pipe.
func handshake(t *testing.T, dials, accepts *tls.Config) (dialErr, acceptErr error) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	end := time.Now().Add(10 * time.Second)
	_ = a.SetDeadline(end)
	_ = b.SetDeadline(end)
	accepted := make(chan error, 1)
	go func() {
		conn := tls.Server(b, accepts)
		err := conn.Handshake()
		if err == nil {
			_, err = conn.Write([]byte("x"))
		}
		_ = b.Close()
		accepted <- err
	}()
	conn := tls.Client(a, dials)
	dialErr = conn.Handshake()
	if dialErr == nil {
		_, dialErr = conn.Read(make([]byte, 1)) // TLS 1.3 tells a client of its refusal only then
	}
	_ = a.Close()
	return dialErr, <-accepted
}

func made(t *testing.T, secret, node string) *authority {
	t.Helper()
	a, err := newAuthority([]byte(secret), node)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Nodes with one secret trust each other; with another, neither side does.
func TestOnlyTheSecretOpens(t *testing.T) {
	a, b, other := made(t, "secret", "a"), made(t, "secret", "b"), made(t, "other secret", "b")
	if dialErr, acceptErr := handshake(t, a.config(), b.config()); dialErr != nil || acceptErr != nil {
		t.Errorf("with the same secret: %v, %v", dialErr, acceptErr)
	}
	if dialErr, acceptErr := handshake(t, a.config(), other.config()); dialErr == nil || acceptErr == nil {
		t.Errorf("the acceptor has another secret: %v, %v", dialErr, acceptErr)
	}
	lax := other.config()
	lax.InsecureSkipVerify = true
	if dialErr, acceptErr := handshake(t, lax, a.config()); dialErr == nil || acceptErr == nil {
		t.Errorf("the dialer has another secret and does not mind: %v, %v", dialErr, acceptErr)
	}
	none := a.config()
	none.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return new(tls.Certificate), nil }
	if dialErr, acceptErr := handshake(t, none, a.config()); dialErr == nil || acceptErr == nil {
		t.Errorf("the dialer shows no certificate: %v, %v", dialErr, acceptErr)
	}
}

// A leaf is used for half of its life.
func TestLeafIsRenewed(t *testing.T) {
	a := made(t, "secret", "a")
	first, err := a.certificate()
	if err != nil {
		t.Fatal(err)
	}
	if second, err := a.certificate(); err != nil || second != first {
		t.Errorf("a second one is made: %v", err)
	}
	a.renew = time.Now()
	if third, err := a.certificate(); err != nil || third == first {
		t.Errorf("no new one is made: %v", err)
	}
}

// All nodes derive the same fingerprint. It changes with the secret, and no derivation is
// another's.
func TestDerivations(t *testing.T) {
	if got := fingerprint(testSecret); got != fingerprint(testSecret) || len(got) != 32 {
		t.Errorf("the fingerprint is %q", got)
	}
	seen := map[string]bool{}
	for _, secret := range []string{"one secret", "another secret"} {
		for _, label := range []string{"fingerprint", "certificate authority", "route password"} {
			seen[string(derive([]byte(secret), label))] = true
		}
	}
	if len(seen) != 6 {
		t.Errorf("%d different derivations of 6", len(seen))
	}
}
