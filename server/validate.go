package server

import (
	"errors"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"usher/room"
	"usher/server/edge"
	"usher/server/store/bolt"
	"usher/server/turn"
	"usher/server/turn/relay"
)

const (
	// maxPerAddress keeps counts within any int.
	maxPerAddress = 1_000_000_000
	// The highest rates and bursts of an address.
	maxPerSecond, maxBytesPerSecond = 1_000_000, 1 << 30
	// minMaxMemory is twice what an idle server takes.
	minMaxMemory = 32 << 20
	// maxDrain is longer than any supervisor waits before it kills the process.
	maxDrain = time.Hour
)

// Validate checks every setting against the bounds in its comment. The error has one line for each
// violation, with the setting's name as a flag. It never contains a secret.
func (c Config) Validate() error {
	var p problems
	p.checkNetwork(&c)
	p.checkRoom(&c.Room)
	if c.ListRooms && c.Cluster != nil {
		p.add("list-rooms is not for a cluster: each node knows only its own rooms")
	}
	p.checkLimits(&c)
	p.checkAuth(&c)
	p.checkICE(&c)
	p.checkTLS(&c)
	p.checkWebhook(&c)
	return errors.Join(p...)
}

func (p *problems) checkNetwork(c *Config) {
	p.address("listen", c.Listen)
	for _, listener := range c.Listeners {
		if _, ok := listener.(*net.TCPListener); !ok {
			p.add("Listeners has %s, which is not TCP", listener.Addr())
		}
	}
	switch {
	case c.MetricsListen == MetricsOff && c.Cluster != nil:
		p.add("metrics-listen must not be off in a cluster, whose status is served beside the metrics")
	case c.MetricsListen != "" && c.MetricsListen != MetricsOff:
		p.address("metrics-listen", c.MetricsListen)
	}
	if c.DataDir == "" {
		p.add("data must name a folder")
	}
	if c.Log == nil {
		p.add("Log must be set")
	}
	if c.AuditNames && c.AuditLog == "" {
		p.add("audit-names needs audit-log")
	}
	if len(c.AllowOrigins) == 0 {
		p.add("allow-origin must have an entry; * allows every origin")
	}
	if _, err := edge.ParseOrigins(c.AllowOrigins); err != nil {
		p.add("allow-origin: %w", err)
	}
	for _, network := range c.TrustedProxies {
		if !network.IsValid() || network.Addr().Is4In6() {
			p.add("trusted-proxy: %s is not a network such as 10.0.0.0/8 or fd00::/8", network)
		}
	}
	p.duration("drain-spread", c.DrainSpread, 0, maxDrain)
	p.duration("drain-timeout", c.DrainTimeout, 0, maxDrain)
	if c.DrainTimeout <= c.DrainSpread {
		p.add("drain-timeout must be more than drain-spread (%s), not %s", show(c.DrainSpread), show(c.DrainTimeout))
	}
}

func (p *problems) address(name, address string) {
	if _, port, err := net.SplitHostPort(address); err != nil {
		p.add("%s must be host:port or :port, not %q", name, address)
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		p.add("%s must end in a port from 0 to 65535, not %q", name, port)
	}
}

func (p *problems) checkRoom(c *room.Config) {
	idleIsValid := true
	for _, s := range c.Settings() {
		if s.Name == "idle-timeout" {
			idleIsValid = s.Valid()
		}
		if s.Name == "ping-interval" && !idleIsValid {
			continue // its bound is idle-timeout
		}
		switch s.Unit {
		case room.Milliseconds:
			p.duration(s.Name, milliseconds(s.Value()), milliseconds(s.Low), milliseconds(s.High))
		case room.Count:
			p.count(s.Name, int(s.Value()), int(s.Low), int(s.High))
		case room.Bytes:
			p.size(s.Name, int(s.Value()), int(s.Low), int(s.High))
		}
	}
	if c.TokenlessRejoin > room.RejoinNever {
		p.add("tokenless-rejoin must be address, anywhere or never")
	}
}

func (p *problems) checkLimits(c *Config) {
	p.size("max-frame", c.MaxFrameBytes, 4<<10, 1<<20)
	p.size("flight-recorder", int(c.FlightRecorderBytes), 0, 1<<30)
	p.size("max-pending", c.MaxPendingBytes, 64<<10, 64<<20)
	p.count("max-connections-per-address", c.MaxConnsPerAddress, 0, maxPerAddress)
	p.count("max-rooms-per-address", c.MaxRoomsPerAddress, 0, maxPerAddress)
	if c.MaxMemoryBytes != 0 && c.MaxMemoryBytes < minMaxMemory {
		p.add("max-memory must be 0 or at least %s, not %s", showBytes(minMaxMemory), showBytes(int(c.MaxMemoryBytes)))
	}
	p.rate("address-request", c.AddressRequests, maxPerSecond, p.count)
	p.rate("address-join", c.AddressJoins, maxPerSecond, p.count)
	p.rate("address-message", c.AddressMessages, maxPerSecond, p.count)
	p.rate("address-byte", c.AddressBytes, maxBytesPerSecond, p.size)
	// Every message that is allowed must be able to pass.
	if r := c.AddressMessages; r.PerSecond > 0 && r.Burst < edge.RequestCost {
		p.add("address-message-burst must be at least %d, not %d", edge.RequestCost, r.Burst)
	}
	if r := c.AddressBytes; r.PerSecond > 0 && r.Burst < c.MaxFrameBytes {
		p.add("address-byte-burst must be at least max-frame (%s), not %s", showBytes(c.MaxFrameBytes), showBytes(r.Burst))
	}
	if c.MaxStoreBytes != 0 && c.MaxStoreBytes < bolt.MinMaxBytes {
		p.add("max-store must be 0 or at least %s, not %s", showBytes(bolt.MinMaxBytes), showBytes(int(c.MaxStoreBytes)))
	}
	// Otherwise a frame that is allowed could never pass.
	if c.MaxPendingBytes < c.MaxFrameBytes {
		p.add("max-pending must be at least max-frame (%s), not %s", showBytes(c.MaxFrameBytes), showBytes(c.MaxPendingBytes))
	}
	if c.Room.ByteBurst < c.MaxFrameBytes {
		p.add("byte-burst must be at least max-frame (%s), not %s", showBytes(c.MaxFrameBytes), showBytes(c.Room.ByteBurst))
	}
}

// rate checks a Rate, which is two settings. Without a rate the burst means nothing.
func (p *problems) rate(name string, r edge.Rate, high int, check func(name string, n, low, high int)) {
	check(name+"-rate", r.PerSecond, 0, high)
	if r.PerSecond > 0 {
		check(name+"-burst", r.Burst, 1, high)
	}
}

func (p *problems) checkICE(c *Config) {
	for _, server := range c.ICEServers {
		if err := server.Normalize(); err != nil {
			p.add("ice-server: %w", err)
		} else if server.Relays() && server.Username == "" && c.TURNSecret == "" {
			p.add("ice-server: %s needs a username and credential, or turn-secret", server)
		}
	}
	if strings.TrimSpace(c.TURNSecret) != c.TURNSecret {
		p.add("turn-secret begins or ends with white space")
	}
	p.duration("turn-ttl", c.TURNTTL, turn.MinTTL, turn.MaxTTL)
	p.checkRelay(c)
	switch {
	case c.TURNKeyID != "" && c.TURNKeyToken == "":
		p.add("turn-key-id needs turn-key-token-file")
	case c.TURNKeyID == "" && c.TURNKeyToken != "":
		p.add("turn-key-token-file needs turn-key-id")
	}
}

func (p *problems) checkRelay(c *Config) {
	t := &c.TURNRelay
	for _, address := range t.Listen {
		p.address("turn-listen", address)
	}
	for _, address := range t.ListenTLS {
		p.address("turn-tls-listen", address)
	}
	if t.Enabled() && (!t.PublicIP.IsValid() || t.PublicIP.IsUnspecified() || t.PublicIP.Is4In6() || t.PublicIP.Zone() != "") {
		p.add("turn-listen needs turn-public-address, the IP address by which clients reach this server")
	}
	if len(t.ListenTLS) > 0 && c.TLSCert == "" && len(c.TLSDomains) == 0 {
		p.add("turn-tls-listen needs tls-cert or tls-domain")
	}
	if t.Host != "" && !turn.ValidHost(t.Host) {
		p.add("turn-host must be a domain name or an address, not %q", t.Host)
	}
	if t.MinPort < 1024 || t.MaxPort > 65535 || t.MinPort > t.MaxPort {
		p.add("turn-ports must be MIN-MAX within 1024 and 65535, not %d-%d", t.MinPort, t.MaxPort)
	}
	p.count("turn-seat-allocations", t.MaxAllocations, 1, relay.MaxMaxAllocations)
	p.size("turn-seat-bandwidth", t.Bandwidth, 16<<10, maxBytesPerSecond)
	p.duration("turn-lifetime", t.MaxLifetime, time.Minute, 7*day)
}

func (p *problems) checkTLS(c *Config) {
	switch {
	case c.TLSCert != "" && c.TLSKey == "":
		p.add("tls-cert needs tls-key")
	case c.TLSCert == "" && c.TLSKey != "":
		p.add("tls-key needs tls-cert")
	case c.TLSCert != "" && len(c.TLSDomains) > 0:
		p.add("tls-domain gets certificates by itself; it excludes tls-cert and tls-key")
	}
	for _, domain := range c.TLSDomains {
		_, err := netip.ParseAddr(domain)
		if err == nil || !turn.ValidHost(domain) || !strings.Contains(domain, ".") {
			p.add("tls-domain must be a public domain name, in its xn-- form and without *, not %q", domain)
		}
	}
	if c.ACMEDirectory != "" {
		directory, err := url.Parse(c.ACMEDirectory)
		// RFC 8555, section 6.1
		if err != nil || directory.Scheme != "https" || directory.Host == "" {
			p.add("acme-directory must be an https:// address")
		}
		if len(c.TLSDomains) == 0 {
			p.add("acme-directory needs tls-domain")
		}
	}
	if c.ACMEEmail == "" {
		return
	}
	if address, err := mail.ParseAddress(c.ACMEEmail); err != nil || address.Address != c.ACMEEmail {
		p.add("acme-email must be one bare mail address")
	}
	if len(c.TLSDomains) == 0 {
		p.add("acme-email needs tls-domain")
	}
}
