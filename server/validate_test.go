package server

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/room"
	"usher/server/cluster"
	"usher/server/edge"
	"usher/server/turn"
)

func TestDefaultConfigIsValid(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}

// validations are changes to a valid Config with the error that Validate returns for them.
func validations() []validation {
	return []validation{
		{func(c *Config) { c.Listen = ":0" }, ""},
		{func(c *Config) { c.Listen = "[::1]:80" }, ""},
		{func(c *Config) { c.Listen = "8787" }, `listen must be host:port or :port, not "8787"`},
		{func(c *Config) { c.Listen = ":http" }, `listen must end in a port from 0 to 65535, not "http"`},
		{func(c *Config) { c.DataDir = "" }, "data must name a folder"},
		{func(c *Config) { c.Log = nil }, "Log must be set"},
		{func(c *Config) { c.AuditNames = true }, "audit-names needs audit-log"},
		{func(c *Config) { c.AuditLog, c.AuditNames = "-", true }, ""},
		{func(c *Config) { c.AllowOrigins = []string{"a.test"} }, `allow-origin: origin "a.test": want *,`},
		{func(c *Config) { c.AllowOrigins = nil }, "allow-origin must have an entry"},
		{func(c *Config) { c.AllowOrigins = []string{"file://", "null"} }, ""},
		{func(c *Config) { c.TrustedProxies = prefixes("10.0.0.0/8 fd00::/8") }, ""},
		{func(c *Config) { c.TrustedProxies = []netip.Prefix{{}} }, "trusted-proxy: "},
		{func(c *Config) { c.TrustedProxies = prefixes("::ffff:10.0.0.0/104") }, "trusted-proxy: "},
		{func(c *Config) { c.DrainSpread = -1 }, "drain-spread must be 0s to 1h, not -1ns"},
		{func(c *Config) { c.DrainTimeout = 3 * time.Second }, "drain-timeout must be more than drain-spread (3s), not 3s"},
		{func(c *Config) { c.DrainTimeout = 61 * time.Minute }, "drain-timeout must be 0s to 1h, not 1h1m"},

		{func(c *Config) { c.Room.SeatGraceMs = 1000 }, ""},
		{func(c *Config) { c.Room.SeatGraceMs = 5 * 3600 * 1000 }, "seat-grace must be 1s to 1h, not 5h"},
		{func(c *Config) { c.Room.SeatGraceMs = 999 }, "seat-grace must be 1s to 1h, not 999ms"},
		{func(c *Config) { c.Room.SeatGraceMs = math.MaxInt64 }, "seat-grace must be 1s to 1h, not "},
		{func(c *Config) { c.Room.SeatGraceMs = math.MinInt64 }, "seat-grace must be 1s to 1h, not -"},
		{func(c *Config) { c.Room.IdleMs = 9999 }, "idle-timeout must be 10s to 24h, not 9.999s"},
		{func(c *Config) { c.Room.RoomIdleMs = 0 }, "room-idle must be 1m to 30d, not 0s"},
		{func(c *Config) { c.Room.EmptyRoomMs = -1 }, "empty-room must be 0s to 30d, not -1ms"},
		{func(c *Config) { c.MetricsListen, c.Cluster = MetricsOff, new(cluster.Config) }, "metrics-listen must not be off in a cluster, whose status is served beside the metrics"},
		{func(c *Config) { c.ListRooms, c.Cluster = true, new(cluster.Config) }, "list-rooms is not for a cluster: each node knows only its own rooms"},
		{func(c *Config) { c.Room.PingIntervalMs = 90_000 }, ""},
		{func(c *Config) { c.Room.PingIntervalMs = 90_001 }, "ping-interval must be 1s to 1m30s, not 1m30.001s"},
		{func(c *Config) { c.Room.TokenlessRejoin = room.RejoinNever + 1 }, "tokenless-rejoin must be address, anywhere or never"},
		{func(c *Config) { c.Room.MaxPeople = 1 }, "max-people must be 2 to 250, not 1"},
		{func(c *Config) { c.Room.MessagesPerSecond = 0 }, "message-rate must be 1 to 1000000, not 0"},
		{func(c *Config) { c.Room.MessageBurst = -1 }, "message-burst must be 1 to 1000000, not -1"},
		{func(c *Config) { c.Room.BytesPerSecond = 0 }, "byte-rate must be 1 to 1024MiB, not 0"},
		{func(c *Config) { c.Room.ByteBurst = 1 << 15 }, "byte-burst must be at least max-frame (64KiB), not 32KiB"},
	}
}

// limitValidations are the validations of limits.
func limitValidations() []validation {
	return []validation{
		{func(c *Config) { c.MaxFrameBytes = 1 << 20 }, ""},
		{func(c *Config) { c.MaxFrameBytes = 4095 }, "max-frame must be 4KiB to 1MiB, not 4095"},
		{func(c *Config) { c.MaxPendingBytes = 65 << 20 }, "max-pending must be 64KiB to 64MiB, not 65MiB"},
		{func(c *Config) { c.MaxFrameBytes, c.MaxPendingBytes = 1<<20, 1<<19 }, "max-pending must be at least max-frame (1MiB), not 512KiB"},
		{func(c *Config) { c.MaxConnsPerAddress = 0 }, ""},
		{func(c *Config) { c.MaxConnsPerAddress = -1 }, "max-connections-per-address must be 0 to 1000000000, not -1"},
		{func(c *Config) { c.AddressRequests, c.AddressBytes = edge.Rate{}, edge.Rate{} }, ""},
		{func(c *Config) { c.AddressRequests = edge.Rate{PerSecond: -1, Burst: 1} }, "address-request-rate must be 0 to 1000000, not -1"},
		{func(c *Config) { c.AddressJoins = edge.Rate{PerSecond: 1, Burst: 0} }, "address-join-burst must be 1 to 1000000, not 0"},
		{func(c *Config) { c.AddressMessages = edge.Rate{PerSecond: 1, Burst: 19} }, "address-message-burst must be at least 20, not 19"},
		{func(c *Config) { c.AddressBytes = edge.Rate{PerSecond: 1, Burst: 1025 << 20} }, "address-byte-burst must be 1 to 1024MiB, not 1025MiB"},
		{func(c *Config) { c.AddressBytes = edge.Rate{PerSecond: 1, Burst: 32 << 10} }, "address-byte-burst must be at least max-frame (64KiB), not 32KiB"},
		{func(c *Config) { c.MaxMemoryBytes = 32 << 20 }, ""},
		{func(c *Config) { c.MaxMemoryBytes = 31 << 20 }, "max-memory must be 0 or at least 32MiB, not 31MiB"},
		{func(c *Config) { c.MetricsListen = "localhost:9090" }, ""},
		{func(c *Config) { c.MetricsListen = MetricsOff }, ""},
		{func(c *Config) { c.MetricsListen = "9090" }, `metrics-listen must be host:port or :port, not "9090"`},
		{func(c *Config) { c.MaxRoomsPerAddress = -1 }, "max-rooms-per-address must be 0 to 1000000000, not -1"},
	}
}

// serviceValidations are the validations of ICE and TLS.
func serviceValidations() []validation {
	relay := turn.ICEServer{URLs: []string{"turn:t"}}
	return []validation{
		{func(c *Config) { c.ICEServers = []turn.ICEServer{relay} }, "ice-server: turn:t needs a username and credential, or turn-secret"},
		{func(c *Config) { c.ICEServers, c.TURNSecret = []turn.ICEServer{relay}, "hunter2" }, ""},
		{func(c *Config) {
			c.ICEServers = []turn.ICEServer{{URLs: []string{"turn:t"}, Username: "a", Credential: "hunter2"}}
		}, ""},
		{func(c *Config) {
			c.ICEServers = []turn.ICEServer{{URLs: []string{"http:t"}, Username: "a", Credential: "hunter2"}}
		}, "ice-server: ICE server URL 1: must begin with one of stun:"},
		{func(c *Config) { c.TURNSecret = "hunter2\n" }, "turn-secret begins or ends with white space"},
		{func(c *Config) { c.TURNTTL = time.Minute }, "turn-ttl must be 5m to 24h, not 1m"},
		{func(c *Config) { c.TURNTTL = 25 * time.Hour }, "turn-ttl must be 5m to 24h, not 25h"},
		{func(c *Config) { c.TURNRelay.Listen = []string{"3478"} }, `turn-listen must be host:port or :port, not "3478"`},
		{func(c *Config) { c.TURNRelay.Listen = []string{":3478"} }, "turn-listen needs turn-public-address"},
		{func(c *Config) {
			c.TURNRelay.Listen, c.TURNRelay.PublicIP = []string{":3478"}, netip.MustParseAddr("192.0.2.1")
		}, ""},
		{func(c *Config) {
			c.TURNRelay.ListenTLS, c.TURNRelay.PublicIP = []string{":5349"}, netip.MustParseAddr("192.0.2.1")
		}, "turn-tls-listen needs tls-cert or tls-domain"},
		{func(c *Config) { c.TURNRelay.Host = "a b" }, "turn-host must be"},
		{func(c *Config) { c.TURNRelay.MinPort = 80 }, "turn-ports must be MIN-MAX within 1024 and 65535, not 80-65535"},
		{func(c *Config) { c.TURNRelay.MaxAllocations = 257 }, "turn-seat-allocations must be 1 to 256, not 257"},
		{func(c *Config) { c.TURNRelay.Bandwidth = 1 }, "turn-seat-bandwidth must be 16KiB to 1024MiB, not 1"},
		{func(c *Config) { c.TURNRelay.MaxLifetime = time.Second }, "turn-lifetime must be 1m to 7d, not 1s"},
		{func(c *Config) { c.TURNKeyID = "key" }, "turn-key-id needs turn-key-token-file"},
		{func(c *Config) { c.TURNKeyToken = "hunter2" }, "turn-key-token-file needs turn-key-id"},

		{func(c *Config) { c.TLSCert = "c" }, "tls-cert needs tls-key"},
		{func(c *Config) { c.TLSKey = "k" }, "tls-key needs tls-cert"},
		{func(c *Config) { c.TLSCert, c.TLSKey = "c", "k" }, ""},
		{func(c *Config) { c.TLSCert, c.TLSKey, c.TLSDomains = "c", "k", []string{"a.test"} }, "it excludes tls-cert"},
		{func(c *Config) { c.TLSDomains = []string{"a.test"} }, ""},
		{func(c *Config) { c.TLSDomains = []string{"192.0.2.1"} }, "tls-domain must be"},
		{func(c *Config) { c.TLSDomains = []string{"*.a.test"} }, "tls-domain must be"},
		{func(c *Config) { c.TLSDomains = []string{"localhost"} }, "tls-domain must be"},
		{func(c *Config) { c.ACMEDirectory = "https://ca.test/dir" }, "acme-directory needs tls-domain"},
		{func(c *Config) { c.TLSDomains, c.ACMEDirectory = []string{"a.test"}, "http://ca.test/dir" }, "acme-directory must be an https:// address"},
		{func(c *Config) { c.TLSDomains, c.ACMEEmail = []string{"a.test"}, "me@a.test" }, ""},
		{func(c *Config) { c.TLSDomains, c.ACMEEmail = []string{"a.test"}, "Me <me@a.test>" }, "acme-email must be one bare mail address"},
		{func(c *Config) { c.ACMEEmail = "me@a.test" }, "acme-email needs tls-domain"},
	}
}

type validation struct {
	change func(*Config)
	want   string // "" where the value is allowed
}

func TestValidateNamesTheSettingAndItsBounds(t *testing.T) {
	for _, test := range slices.Concat(validations(), limitValidations(), serviceValidations()) {
		cfg := DefaultConfig()
		test.change(&cfg)
		err := cfg.Validate()
		if got := fmt.Sprint(err); (err == nil) != (test.want == "") || test.want != "" && !strings.Contains(got, test.want) || strings.Contains(got, "hunter2") {
			t.Errorf("want %q, got %v", test.want, err)
		}
	}
}

func TestValidateNamesEverythingAtOnce(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Room.MaxPeople, cfg.MaxFrameBytes = 0, 0
	if got := fmt.Sprint(cfg.Validate()); got != "max-people must be 2 to 250, not 0\nmax-frame must be 4KiB to 1MiB, not 0" {
		t.Error(got)
	}
}

func prefixes(list string) (networks []netip.Prefix) {
	for _, network := range strings.Fields(list) {
		networks = append(networks, netip.MustParsePrefix(network))
	}
	return networks
}
