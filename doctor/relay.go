package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
)

// icePatience is how long one STUN or TURN server may take for everything.
const icePatience = 4 * time.Second

// silent is for pion, which would log addresses.
var silent = &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled}

// try sends a STUN binding, or makes two TURN allocations and a round trip between them.
func (e *examination) try(ctx context.Context, a iceAddress) Finding {
	ctx, cancel := context.WithTimeout(ctx, icePatience)
	defer cancel()
	check := "stun"
	if a.relays {
		check = "turn"
	}
	ip, bad := e.iceIP(ctx, check, a)
	if bad != nil {
		return *bad
	}
	first, bad := e.dialICE(ctx, check, a, ip)
	if bad != nil {
		return *bad
	}
	defer first.close()
	if !a.relays {
		return first.bind(ctx, check)
	}
	if a.username == "" || a.secret == "" {
		return failure(check, "--turn-secret-file, or ;username=…;credential=… in --ice-server", "%s comes without credentials", a.text)
	}
	second, bad := e.dialICE(ctx, check, a, ip)
	if bad != nil {
		return *bad
	}
	defer second.close()
	return first.passTo(ctx, check, second)
}

// iceIP returns the address of a STUN or TURN server.
func (e *examination) iceIP(ctx context.Context, check string, a iceAddress) (netip.Addr, *Finding) {
	if ip, err := netip.ParseAddr(a.host); err == nil {
		return ip, nil
	}
	addresses, err := e.resolve(ctx, a.host)
	if err != nil || len(addresses) == 0 {
		f := failure(check, "correct its name in --ice-server or --turn-host, or its DNS record", "%s: %s does not resolve", a.text, a.host)
		return netip.Addr{}, &f
	}
	return addresses[0], nil
}

// iceClient is a connection to a STUN or TURN server.
type iceClient struct {
	*turn.Client
	conn    net.PacketConn
	address iceAddress
	server  net.Addr
}

func (c *iceClient) close() {
	c.Client.Close()
	_ = c.conn.Close()
}

// dialICE connects by the transport of the address. Over TLS the certificate must be valid, because
// browsers do not use the server otherwise and say nothing.
func (e *examination) dialICE(ctx context.Context, check string, a iceAddress, ip netip.Addr) (*iceClient, *Finding) {
	address := net.JoinHostPort(ip.String(), a.port)
	var conn net.PacketConn
	var server net.Addr
	if a.transport == "udp" {
		network := map[bool]string{true: "udp4", false: "udp6"}[ip.Is4()]
		socket, err := new(net.ListenConfig).ListenPacket(ctx, network, ":0")
		if err != nil {
			f := failure(check, "try from a machine that has "+family(ip), "%s: %v", a.text, cause(err))
			return nil, &f
		}
		conn, server = socket, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address))
	} else {
		stream, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			f := failure(check, fmt.Sprintf("does the TURN server listen there, and is port %s/tcp open in the firewall?", a.port), "%s: %v", a.text, cause(err))
			return nil, &f
		}
		server = stream.RemoteAddr()
		if a.secure {
			var bad *Finding
			if stream, bad = e.secureICE(ctx, check, a, stream); bad != nil {
				return nil, bad
			}
		}
		conn = turn.NewSTUNConn(stream)
	}
	client, err := turn.NewClient(&turn.ClientConfig{Conn: conn, STUNServerAddr: server.String(), TURNServerAddr: server.String(),
		Username: a.username, Password: a.secret, RTO: 500 * time.Millisecond, LoggerFactory: silent})
	if err == nil {
		err = client.Listen()
	}
	if err != nil {
		_ = conn.Close()
		f := failure(check, "correct its address", "%s: %v", a.text, cause(err))
		return nil, &f
	}
	return &iceClient{client, conn, a, server}, nil
}

func (e *examination) secureICE(ctx context.Context, check string, a iceAddress, conn net.Conn) (net.Conn, *Finding) {
	secure := tls.Client(conn, &tls.Config{ServerName: a.host, InsecureSkipVerify: true})
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		f := failedHandshake(check, err)
		f.Found = a.text + ": " + f.Found
		return nil, &f
	}
	for _, f := range verify(secure.ConnectionState().PeerCertificates, a.host, e.plan.Authorities, time.Now()) {
		if f.Grade == Fail {
			_ = secure.Close()
			f.Check, f.Found = check, a.text+": its certificate: "+f.Found
			return nil, &f
		}
	}
	return secure, nil
}

// bind asks a STUN server for this machine's address.
func (c *iceClient) bind(ctx context.Context, check string) Finding {
	began := time.Now()
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest)
	if err != nil {
		return failure(check, "", "%v", err)
	}
	reply, err := c.PerformTransactionWithContext(request, c.server, false, ctx)
	var mapped stun.XORMappedAddress
	switch {
	case err != nil:
		return c.unanswered(check, err)
	case mapped.GetFrom(reply.Msg) != nil:
		return failure(check, "is it a STUN server?", "%s responds without an address", c.address.text)
	}
	return good(check, "%s responds in %s", c.address.text, ms(time.Since(began)))
}

func (c *iceClient) unanswered(check string, err error) Finding {
	return failure(check, fmt.Sprintf("does the server run, and is port %s/%s open in the firewall, there and here?", c.address.port, c.address.transport),
		"%s does not respond over %s: %v", c.address.text, c.over(), cause(err))
}

func (c *iceClient) over() string {
	return map[bool]string{true: "TLS", false: map[string]string{"udp": "UDP", "tcp": "TCP"}[c.address.transport]}[c.address.secure]
}

// passTo allocates a relayed address for both, permits each to send to the other, and sends a
// packet from one to the other through both.
func (c *iceClient) passTo(ctx context.Context, check string, to *iceClient) Finding {
	stop := context.AfterFunc(ctx, func() { c.close(); to.close() })
	defer stop()
	began := time.Now()
	mine, err := c.AllocateWithContext(ctx)
	if err != nil {
		return c.noAllocation(check, err)
	}
	defer mine.Close()
	theirs, err := to.AllocateWithContext(ctx)
	if err != nil {
		return to.noAllocation(check, err)
	}
	defer theirs.Close()
	const remedy = "allow the TURN server's own relayed addresses as peers, and open their ports (UDP) in the firewall"
	if err := errors.Join(c.CreatePermission(theirs.LocalAddr()), to.CreatePermission(mine.LocalAddr())); err != nil {
		return warning(check, remedy, "%s relays, but not between two people who both need it: %v", c.address.text, cause(err))
	}
	if err := roundTrip(ctx, mine, theirs); err != nil {
		return warning(check, remedy, "%s allocates, but a packet between two relayed addresses is lost: %v", c.address.text, cause(err))
	}
	return good(check, "%s relays a packet there and back over %s, in %s", c.address.text, c.over(), ms(time.Since(began)))
}

// noAllocation says why there is no relayed address.
func (c *iceClient) noAllocation(check string, err error) Finding {
	var refused *stun.TurnError
	if !errors.As(err, &refused) {
		return c.unanswered(check, err)
	}
	code := refused.ErrorCodeAttr.Code
	switch code {
	case stun.CodeUnauthorized, stun.CodeBadRequest, stun.CodeWrongCredentials, stun.CodeStaleNonce:
		return failure(check, "the secret must be the same in usher (--turn-secret-file) and in the TURN server, and both clocks right",
			"%s refuses the credentials that were handed out (%d)", c.address.text, code)
	case stun.CodeAllocQuotaReached, stun.CodeInsufficientCapacity:
		return failure(check, "raise the TURN server's quota, or its range of ports", "%s has no relayed address left (%d)", c.address.text, code)
	case stun.CodeForbidden:
		return failure(check, "look at the rules of the TURN server", "%s forbids it (%d)", c.address.text, code)
	}
	return failure(check, "look at the TURN server's log", "%s gives no relayed address (%d)", c.address.text, code)
}

// roundTrip sends a packet through both relayed addresses, and back. UDP may lose some.
func roundTrip(ctx context.Context, mine, theirs net.PacketConn) error {
	if err := pass(ctx, mine, theirs); err != nil {
		return err
	}
	return pass(ctx, theirs, mine)
}

func pass(ctx context.Context, from, to net.PacketConn) error {
	packet, buffer := []byte(roomID()), make([]byte, 1500)
	const tries, wait = 5, 300 * time.Millisecond
	var err error
	for range tries {
		if _, err = from.WriteTo(packet, to.LocalAddr()); err != nil {
			return err
		}
		_ = to.SetReadDeadline(time.Now().Add(wait))
		for {
			var n int
			if n, _, err = to.ReadFrom(buffer); err != nil {
				break
			}
			if bytes.Equal(buffer[:n], packet) {
				return nil
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return err
}
