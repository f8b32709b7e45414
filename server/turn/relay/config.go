package relay

import (
	"crypto/tls"
	"log/slog"
	"net/netip"
	"time"

	"usher/server/metrics"
)

// The defaults and bounds of a Config.
const (
	DefaultMinPort, DefaultMaxPort = 49152, 65535
	DefaultMaxAllocations          = 16
	MaxMaxAllocations              = 256
	DefaultBandwidth               = 4 << 20
	DefaultMaxLifetime             = 12 * time.Hour
)

// Config is what a Server needs.
type Config struct {
	// Listen are the addresses for UDP and TCP, and ListenTLS those for TLS over TCP, as host:port.
	Listen, ListenTLS []string
	// TLS is for ListenTLS.
	TLS *tls.Config
	// PublicIP is the address by which clients and peers reach this server.
	PublicIP netip.Addr
	// Host is the name of this server in URLs, "" for PublicIP.
	Host string
	// MinPort and MaxPort are the range of the relayed addresses.
	MinPort, MaxPort uint16
	// AllowPeers are networks whose addresses are allowed as peers although they are not public.
	AllowPeers []netip.Prefix
	// Key makes credentials.
	Key []byte
	// MaxAllocations bounds the allocations of one seat, at most MaxMaxAllocations.
	MaxAllocations int
	// Bandwidth bounds what one seat relays in each direction, in bytes a second.
	Bandwidth int
	// MaxLifetime bounds the age of an allocation.
	MaxLifetime time.Duration
	// Revoked is called for each seat that Revoke is called for, with its name. Nil for nobody.
	Revoked func(name string)
	// Now is the clock, nil for time.Now.
	Now func() time.Time
	// Metrics counts what happens.
	Metrics *metrics.TURN
	// Log receives nothing that identifies a client.
	Log *slog.Logger
}
