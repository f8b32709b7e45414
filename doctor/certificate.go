package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// renewBefore is when a certificate should have been renewed: ACME clients do so 30 days before its
// end.
const renewBefore = 14 * 24 * time.Hour

// checkCertificate opens TLS as a browser does for a WebSocket, and verifies what it is shown.
func (e *examination) checkCertificate(ctx context.Context) bool {
	const check = "tls"
	switch {
	case !e.target.secure && e.target.isLocal():
		e.report(good(check, "plain HTTP, which is enough on this machine"))
		return true
	case !e.target.secure:
		e.report(warning(check, "serve TLS: --tls-cert, --tls-domain, or a proxy in front",
			"plain HTTP: tokens can be read on the way, and a page of an HTTPS site cannot connect"))
		return true
	}
	conn, err := e.dial(ctx, "", "")
	if err == nil {
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		secure := tls.Client(conn, e.tlsConfig())
		if err = secure.HandshakeContext(ctx); err == nil {
			state := secure.ConnectionState()
			e.report(good(check, "%s, HTTP/1.1", tls.VersionName(state.Version)))
			for _, f := range verify(state.PeerCertificates, e.target.host, e.plan.Authorities, time.Now()) {
				f.Check = "certificate." + f.Check
				e.report(f)
			}
			return true
		}
	}
	e.report(failedHandshake(check, err))
	return false
}

func failedHandshake(check string, err error) Finding {
	var record tls.RecordHeaderError
	var alert tls.AlertError
	const noApplicationProtocol, protocolVersion = 120, 70
	switch {
	case errors.As(err, &record):
		return failure(check, "use http:// here, or let the server or a proxy serve TLS on this port", "the port does not speak TLS")
	case errors.As(err, &alert) && alert == noApplicationProtocol:
		return failure(check, "allow http/1.1 beside h2 (ALPN): browsers open WebSockets with it", "the server takes no HTTP/1.1 over TLS")
	case errors.As(err, &alert) && alert == protocolVersion:
		return failure(check, "allow TLS 1.2 or 1.3", "the server takes neither TLS 1.2 nor 1.3")
	}
	return failure(check, "look at the log of what ends TLS there", "no TLS: %v", cause(err))
}

// verify judges a chain of certificates: its name, its signatures and its dates, each apart from
// the others. Checks are called name, chain and dates.
func verify(chain []*x509.Certificate, host string, roots *x509.CertPool, now time.Time) []Finding {
	if len(chain) == 0 {
		return []Finding{failure("chain", "set a certificate", "the server shows no certificate")}
	}
	return []Finding{verifyName(chain[0], host), verifyChain(chain, roots), verifyDates(chain, now)}
}

func verifyName(leaf *x509.Certificate, host string) Finding {
	if leaf.VerifyHostname(host) == nil {
		return good("name", "for %s", host)
	}
	names := append([]string(nil), leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	const maxNames = 4
	if len(names) > maxNames {
		names = append(names[:maxNames], "…")
	}
	whose := strings.Join(names, ", ")
	if whose == "" {
		whose = "no name at all"
	}
	return failure("name", "get a certificate that has "+host+", or connect by a name that it has", "for %s, not for %s", whose, host)
}

// verifyChain verifies signatures only, at a time at which the certificate is valid.
func verifyChain(chain []*x509.Certificate, roots *x509.CertPool) Finding {
	leaf, others := chain[0], x509.NewCertPool()
	for _, c := range chain[1:] {
		others.AddCert(c)
	}
	from, until := leaf.NotBefore, leaf.NotAfter
	for _, c := range chain[1:] {
		if c.NotBefore.After(from) {
			from = c.NotBefore
		}
		if c.NotAfter.Before(until) {
			until = c.NotAfter
		}
	}
	valid := time.Now()
	if valid.After(until) {
		valid = until.Add(-time.Second)
	}
	if valid.Before(from) {
		valid = from
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, CurrentTime: valid})
	last := chain[len(chain)-1]
	var unknown x509.UnknownAuthorityError
	switch {
	case err == nil:
		return good("chain", "signed by %s, which is trusted", issuer(leaf))
	case !errors.As(err, &unknown):
		return failure("chain", "get another certificate", "%v", cause(err))
	case isSelfSigned(leaf):
		return failure("chain", "get a certificate of an authority: --tls-domain does so", "self-signed: browsers refuse it")
	case isSelfSigned(last):
		return failure("chain", "get a certificate that browsers trust, or trust this authority: --ca FILE here, and on every client",
			"signed by %s, which is not trusted", issuer(leaf))
	}
	return failure("chain", "put the whole chain into the file of the certificate, intermediates too; --ca FILE trusts an authority of your own",
		"signed by %s, which is neither trusted nor sent with it", issuer(last))
}

func isSelfSigned(c *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, c.RawSubject) }

func issuer(c *x509.Certificate) string {
	if c.Issuer.CommonName != "" {
		return `"` + printable(c.Issuer.CommonName) + `"`
	}
	return `"` + printable(c.Issuer.String()) + `"`
}

func verifyDates(chain []*x509.Certificate, now time.Time) Finding {
	soonest := chain[0]
	for _, c := range chain {
		if c.NotAfter.Before(soonest.NotAfter) {
			soonest = c
		}
		if now.Before(c.NotBefore) {
			return failure("dates", "wait, or set the clock of whichever machine is wrong", "not valid before %s", day(c.NotBefore))
		}
	}
	left := soonest.NotAfter.Sub(now)
	const renew = "renew it, then reload what serves it (SIGHUP)"
	switch {
	case left < 0:
		return failure("dates", renew, "expired on %s", day(soonest.NotAfter))
	case left < renewBefore:
		return warning("dates", renew, "expires on %s, in %s", day(soonest.NotAfter), days(left))
	}
	return good("dates", "valid until %s, for %s", day(soonest.NotAfter), days(left))
}

func days(d time.Duration) string {
	if n := int(d.Hours() / 24); n != 1 {
		return fmt.Sprint(n, " days")
	}
	return "1 day"
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
