package server

import (
	"log/slog"
	"net"
	"net/netip"
	"time"

	"usher/room"
	"usher/server/auth"
	"usher/server/cluster"
	"usher/server/edge"
	"usher/server/tracing"
	"usher/server/turn"
	"usher/server/turn/relay"
	"usher/server/webhook"
)

// Config configures a native server. The zero value is not usable: start from DefaultConfig.
type Config struct {
	// Listen is the TCP address to serve on; localhost is 127.0.0.1 and ::1. Default
	// "localhost:8787".
	Listen string
	// Listeners are TCP listeners that the process was started with, as systemd passes them. They
	// take the place of Listen. The server closes them. Default none.
	Listeners []net.Listener
	// Page is whether / serves the page, which shows rooms, a film in sync and a drawing of the
	// signaling. Default true; otherwise / is not found.
	Page bool
	// MetricsListen is a TCP address to serve /metrics on instead of Listen. "" (the default)
	// serves it on Listen, and MetricsOff nowhere.
	MetricsListen string
	// DataDir is the folder of the room store; it is created if missing. Default "./usher-data".
	DataDir string
	// Cluster makes this server a node of a cluster, which keeps the rooms. Nil (the default) for a
	// single node. Its Embedded.Dir is not DataDir.
	Cluster *cluster.Config

	// MaxStoreBytes bounds the file of the store: 0 (the default) for no bound, otherwise at least
	// 8 MiB. A room takes about 1 KiB.
	MaxStoreBytes int64

	// Room has the deadlines and limits of every room.
	Room room.Config
	// MaxFrameBytes bounds one message from a client. 4 KiB to 1 MiB. Default 64 KiB.
	MaxFrameBytes int
	// MaxPendingBytes bounds what is queued for a client that reads too slowly, beyond which the
	// client is cut off. 64 KiB to 64 MiB. Default 1 MiB.
	MaxPendingBytes int
	// MaxMemoryBytes is the memory that the process should stay within: as it gets close, new rooms
	// and connections are refused, and relays go on. 0 (the default) means three quarters of what
	// the machine or the process's control group has, if that is known; otherwise it is at least 32
	// MiB.
	MaxMemoryBytes int64

	// The following limits are counted by network address: by the /64 for IPv6; each loopback
	// address counts as one. A trusted proxy's own requests are not counted.

	// MaxConnsPerAddress bounds the open sockets of one address, 0 for no bound. Default 200.
	MaxConnsPerAddress int
	// MaxRoomsPerAddress bounds the rooms that one address has created, 0 for no bound. Default
	// 100.
	MaxRoomsPerAddress int
	// AddressRequests bounds the HTTP requests of one address, handshakes included. A full room of
	// 50 that reconnects five times in a row makes 500, and opening the page takes about ten.
	// Default 20 a second, 2 000 at once.
	AddressRequests edge.Rate
	// AddressJoins bounds the joins that are not a return by token. The full room makes 250.
	// Default 3 a second, 300 at once.
	AddressJoins edge.Rate
	// AddressMessages bounds the messages of all connections of one address; a request counts as
	// 20. Each of the 50 people of the full room sends 3 675. Default 2 000 a second, 200 000 at
	// once, at least 20.
	AddressMessages edge.Rate
	// AddressBytes bounds their bytes. Default 2 MiB a second, 200 MiB at once, at least
	// MaxFrameBytes.
	AddressBytes edge.Rate

	// AllowOrigins lists the origins that browsers may come from: "*" (the default), exact ones
	// such as "https://example.org" or "chrome-extension://<id>", or patterns with * for any run of
	// characters but "/" such as "https://*.example.org". A page from a file has the origin "null"
	// in browsers and "file://" in some webviews. Requests without an Origin are allowed. At least
	// one entry.
	AllowOrigins []string
	// TrustedProxies are the networks whose X-Forwarded-For is believed. Default none.
	TrustedProxies []netip.Prefix

	// Auth says whose tokens are believed. If it names a key, nobody enters a room without a token,
	// a ticket made from one, or an invite. Default no key, a leeway of 30 s, and MayCreate.
	Auth auth.Config
	// APIKeyFile has the hashes of the keys of an operator's programs, read again on Reload. ""
	// (the default) for none. With it or AdminTokenFile, the server has the API for operators.
	APIKeyFile string
	// AdminTokenFile has the token that opens the admin page, read again on Reload. "" (the
	// default) for no admin page.
	AdminTokenFile string

	// ICEServers are handed out by /turn-credentials, in this order. Default none: participants
	// then find each other only within one network, or if the client has servers of its own. See
	// turn.ParseICEServer for the forms. Only those who prove a seat get the TURN servers.
	ICEServers []turn.ICEServer
	// TURNSecret is the shared secret of coturn's use-auth-secret; with it, turn: and turns:
	// servers without a username get credentials that expire.
	TURNSecret string
	// TURNKeyID and TURNKeyToken are a TURN key of Cloudflare and its API token; with them,
	// participants get Cloudflare's servers as well.
	TURNKeyID, TURNKeyToken string
	// TURNRelay is the embedded STUN and TURN server.
	TURNRelay TURNRelay
	// ListRooms serves GET /rooms: the rooms whose hosts want that. Not in a cluster, whose nodes
	// know only their own. Default false.
	ListRooms bool

	// TURNOpen gives TURN servers to those without a seat too, with credentials for five minutes.
	// Legacy clients ask before they join, and never prove a seat: without it they get STUN only,
	// with it anybody can relay through your servers. Default false.
	TURNOpen bool
	// TURNTTL is how long credentials are valid. 5 min to 24 h. Default 12 h, as long as a room
	// lives without signaling.
	TURNTTL time.Duration

	// TLSCert and TLSKey are PEM files, read again on Reload.
	TLSCert, TLSKey string
	// TLSDomains are the names to get certificates for by ACME. Excludes TLSCert.
	TLSDomains []string
	// ACMEDirectory is the ACME server's directory URL, "" for Let's Encrypt.
	ACMEDirectory string
	// ACMEEmail is sent to the ACME server. Optional.
	ACMEEmail string

	// Trace says where spans are sent. tracing.ConfigOf reads it from the environment. Default
	// nowhere.
	Trace tracing.Config

	// DrainSpread is the time over which a drain closes the sockets. Default 3 s.
	DrainSpread time.Duration
	// DrainTimeout is the deadline of the whole drain. Default 10 s, more than DrainSpread.
	DrainTimeout time.Duration

	// Webhook is who is told what happens in rooms.
	Webhook Webhook
	// FlightRecorderBytes bounds what is kept of what happened in rooms lately, for all of them
	// together; 0 keeps nothing. 0 to 1 GiB. Default 8 MiB. When a room is given up, that goes into
	// the folder dumps of DataDir.
	FlightRecorderBytes int64
	// Version is that of the program, for what it writes.
	Version string

	// AuditLog is the file for what hosts, cohosts and the operator do, "-" for the standard
	// output, opened again on Reload. "" (the default) for none.
	AuditLog string
	// AuditNames writes the names of people and rooms there, too. Default false.
	AuditNames bool

	// Log receives the server's log. Addresses, SDP and tokens never reach it.
	Log *slog.Logger
}

// TURNRelay configures the embedded STUN and TURN server. Without an address to listen on there is
// none.
type TURNRelay struct {
	// Listen are addresses for UDP and TCP, such as ":3478", and ListenTLS those for TLS, such as
	// ":5349". TLS has the server's certificate.
	Listen, ListenTLS []string
	// PublicIP is the address by which clients and peers reach the server. Needed.
	PublicIP netip.Addr
	// Host is the server's name in URLs. Default the first of TLSDomains, otherwise PublicIP. TLS
	// needs one that the certificate has.
	Host string
	// MinPort and MaxPort are the range of the relayed addresses: one port each, over UDP. Default
	// 49152 to 65535.
	MinPort, MaxPort int
	// AllowPeers are networks that may be relayed to although they are not public, such as those of
	// other nodes of a cluster. Default none.
	AllowPeers []netip.Prefix
	// MaxAllocations bounds the relayed addresses of one seat. 1 to 256. Default 16: a browser
	// takes one or two for each peer connection and way to the server.
	MaxAllocations int
	// Bandwidth bounds the bytes a second that one seat relays in each direction. 16 KiB to 1 GiB.
	// Default 4 MiB.
	Bandwidth int
	// MaxLifetime bounds the life of a relayed address. 1 min to 7 days. Default 12 h.
	MaxLifetime time.Duration
}

// Enabled reports whether there is an embedded server.
func (t *TURNRelay) Enabled() bool { return len(t.Listen)+len(t.ListenTLS) > 0 }

// MetricsOff is the value of Config.MetricsListen that serves no metrics, so that no times are
// taken for them. Not in a cluster, whose status is served beside them.
const MetricsOff = "off"

// MemoryBound returns MaxMemoryBytes, or three quarters of the available memory if that is 0, or 0
// if that is unknown.
func (c *Config) MemoryBound() int64 {
	if c.MaxMemoryBytes != 0 {
		return c.MaxMemoryBytes
	}
	return availableMemory() / 4 * 3
}

// DefaultConfig returns the defaults given at each field.
func DefaultConfig() Config {
	return Config{
		Listen:          "localhost:8787",
		Page:            true,
		DataDir:         "./usher-data",
		Room:            room.DefaultConfig(),
		MaxFrameBytes:   64 << 10,
		MaxPendingBytes: 1 << 20,

		FlightRecorderBytes: 8 << 20,
		MaxConnsPerAddress:  edge.DefaultMaxSockets,
		MaxRoomsPerAddress:  100,
		AddressRequests:     edge.DefaultRequestRate,
		AddressJoins:        edge.DefaultJoinRate,
		AddressMessages:     edge.DefaultMessageRate,
		AddressBytes:        edge.DefaultByteRate,
		AllowOrigins:        []string{"*"},
		TURNTTL:             12 * time.Hour,
		TURNRelay: TURNRelay{
			MinPort: relay.DefaultMinPort, MaxPort: relay.DefaultMaxPort, MaxAllocations: relay.DefaultMaxAllocations,
			Bandwidth: relay.DefaultBandwidth, MaxLifetime: relay.DefaultMaxLifetime,
		},
		Auth:         auth.Config{Leeway: 30 * time.Second, MayCreate: true},
		Webhook:      defaultWebhook(),
		DrainSpread:  3 * time.Second,
		DrainTimeout: 10 * time.Second,
		Log:          slog.Default(),
	}
}

// Webhook configures who is told what happens in rooms.
type Webhook struct {
	// URL is the receiver's. "" (the default) for none.
	URL string
	// SecretFile has the secret that signs each message, or two while receivers change from one to
	// the other. It is read again on Reload. Needed with URL.
	SecretFile string
	// Events are the names of what is told, of webhook.DefaultKinds. Default all of them.
	Events []string
	// Queue bounds the messages that wait. 100 to 1 000 000. Default 100 000, some 40 MB.
	Queue int
	// RetryFor is how long a message is tried. 1 min to 30 days. Default 3 days.
	RetryFor time.Duration
	// AllowPrivate allows a receiver in a private network or on this machine, and AllowHTTP one
	// without TLS. Default false.
	AllowPrivate, AllowHTTP bool
}

func defaultWebhook() Webhook {
	return Webhook{Events: webhookEvents(), Queue: 100_000, RetryFor: 3 * day}
}

// webhookEvents are the names of all that may be sent.
func webhookEvents() (names []string) {
	for _, kind := range webhook.DefaultKinds {
		names = append(names, kind.String())
	}
	return names
}
