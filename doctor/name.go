package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// maxAddresses bounds how many addresses of a name are tried.
const maxAddresses = 8

// lookUp asks DNS for the server's addresses.
func (e *examination) lookUp(ctx context.Context) bool {
	const check = "dns"
	if address, err := netip.ParseAddr(e.target.host); err == nil {
		e.addresses = []netip.Addr{address}
		e.report(good(check, "%s is an address: nothing to look up", address))
		return true
	}
	addresses, err := e.resolve(ctx, e.target.host)
	if err != nil {
		var dns *net.DNSError
		if errors.As(err, &dns) && dns.IsNotFound {
			e.report(failure(check, "add an A or AAAA record for it, or correct the name", "%s does not resolve", e.target.host))
		} else {
			e.report(failure(check, "look at this machine's DNS servers and at those of the domain", "%s cannot be looked up: %v", e.target.host, cause(err)))
		}
		return false
	}
	var texts []string
	for _, a := range addresses {
		texts = append(texts, record(a)+" "+a.String())
	}
	e.addresses = addresses[:min(len(addresses), maxAddresses)]
	order := ""
	if len(texts) > 1 {
		order = ", tried in this order"
	}
	e.report(good(check, "%s is %s%s", e.target.host, strings.Join(texts, ", "), order))
	return true
}

// resolve returns the addresses of a name in the order in which clients here try them (RFC 6724).
func (e *examination) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	addresses, err := e.plan.Resolver.LookupNetIP(ctx, "ip", host)
	for i := range addresses {
		addresses[i] = addresses[i].Unmap()
	}
	return addresses, err
}

func record(a netip.Addr) string {
	if a.Is4() {
		return "A"
	}
	return "AAAA"
}

// connect opens a connection to every address.
func (e *examination) connect(ctx context.Context) bool {
	const check = "connect"
	errs, took := make([]error, len(e.addresses)), make([]time.Duration, len(e.addresses))
	together(len(e.addresses), func(i int) {
		dialing, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		began := time.Now()
		conn, err := new(net.Dialer).DialContext(dialing, "tcp", e.at(i))
		took[i], errs[i] = time.Since(began), err
		if err == nil {
			_ = conn.Close()
		}
	})
	for i, err := range errs {
		if err == nil && e.address == "" {
			e.address, e.connected = e.at(i), took[i]
		}
	}
	for i, err := range errs {
		e.report(e.reached(check, i, err, took[i]))
	}
	return e.address != ""
}

func (e *examination) at(i int) string {
	return net.JoinHostPort(e.addresses[i].String(), e.target.port)
}

// reached says how a connection to one address went. One address is enough to go on, but clients
// try the others, too.
func (e *examination) reached(check string, i int, err error, took time.Duration) Finding {
	a := e.addresses[i]
	noFamily := errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
	switch {
	case err == nil:
		return good(check, "%s accepts connections (%s)", e.at(i), ms(took))
	case e.address == "" && errors.Is(err, syscall.ECONNREFUSED):
		return failure(check, "is the server up, is this its port, and does listen name more than localhost?", "%s refuses connections", e.at(i))
	case e.address == "" && noFamily:
		return failure(check, "try from a machine that has "+family(a), "this machine has no way to %s", e.at(i))
	case e.address == "":
		return failure(check, "open the port in the firewall, and check that the address is the server's", "%s: %v", e.at(i), cause(err))
	case noFamily || a.IsLoopback():
		return good(check, "%s was not reached: %v; the next address is used here", e.at(i), cause(err))
	}
	return warning(check, fmt.Sprintf("let the server listen on %s there, or remove the %s record", family(a), record(a)),
		"%s: %v, so clients that try it first have to wait", e.at(i), cause(err))
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}

// ms is a duration as people read it.
func ms(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// cause is an error without what a finding says anyway.
func cause(err error) error {
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return errors.New("no response in time")
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return errors.New(dns.Err)
	}
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
