package main

import (
	"strings"

	"github.com/alecthomas/kong"
)

// groups are the headings of the settings, in the order of the help.
var groups = []kong.Group{
	{Key: "network", Title: "Network"},
	{Key: "rooms", Title: "Rooms"},
	{Key: "limits", Title: "Limits"},
	{Key: "auth", Title: "Accounts"},
	{Key: "cluster", Title: "Cluster"},
	{Key: "ice", Title: "ICE"},
	{Key: "tls", Title: "TLS"},
	{Key: "webhooks", Title: "Webhooks"},
	{Key: "logging", Title: "Logging"},
}

// settings are everything that a server can be told. A flag with a group is a setting: it may also
// come from the environment and the file. A test checks that the defaults are those of
// server.DefaultConfig.
type settings struct {
	Listen        string         `group:"network" default:"localhost:8787" placeholder:"ADDRESS" help:"Where to serve, as HOST:PORT (localhost:8787); :8787 is every interface."`
	Page          choice         `group:"network" default:"true" placeholder:"true" choices:"true,false" help:"Whether / serves the page for watching together."`
	AllowOrigin   originPatterns `group:"network" default:"*" placeholder:"ORIGIN,..." help:"Origins that browsers may come from (*), with * for any run of characters but /."`
	TrustedProxy  networks       `group:"network" placeholder:"NETWORK,..." help:"Addresses or CIDR networks whose X-Forwarded-For is believed."`
	MetricsListen string         `group:"network" placeholder:"ADDRESS" help:"Where to serve /metrics instead, as HOST:PORT, or off."`
	OTLPEndpoint  string         `group:"network" name:"otlp-endpoint" placeholder:"URL" help:"Collector that spans are sent to by OTLP over HTTP, such as http://localhost:4318; OpenTelemetry's variables (OTEL_…) work too."`
	DrainSpread   duration       `group:"network" default:"3s" min:"0s" max:"1h" help:"Time over which the sockets are closed when the server stops."`
	DrainTimeout  duration       `group:"network" default:"10s" min:"0s" max:"1h" help:"Deadline of the whole stop; more than drain-spread."`

	Data            string   `group:"rooms" default:"./usher-data" placeholder:"FOLDER" help:"Folder that keeps the rooms (./usher-data); created if missing."`
	MaxStore        byteSize `group:"rooms" default:"0" min:"0" help:"Bytes that the kept rooms may take; 0 for no bound, otherwise at least 8MiB."`
	SeatGrace       duration `group:"rooms" default:"40s" min:"1s" max:"1h" help:"How long a seat is held after its connection dropped."`
	IdleTimeout     duration `group:"rooms" default:"90s" min:"10s" max:"24h" help:"How long a connection may send nothing at all, not even a PING."`
	RoomIdle        duration `group:"rooms" default:"12h" min:"1m" max:"30d" help:"How long a room may see nothing but PINGs before it ends."`
	EmptyRoom       duration `group:"rooms" default:"0s" min:"0s" max:"30d" help:"How long a room outlives its last seat."`
	MaxKeep         duration `group:"rooms" default:"30d" min:"0s" max:"365d" help:"How long a room that was made to stay may outlive its last seat, 0s for not at all."`
	ListRooms       choice   `group:"rooms" default:"false" placeholder:"false" choices:"true,false" help:"Whether GET /rooms lists the rooms whose hosts want that; not in a cluster."`
	PingInterval    duration `group:"rooms" default:"20s" min:"1s" help:"PING interval recommended to clients, at most idle-timeout."`
	KnockWait       duration `group:"rooms" default:"5m" min:"10s" max:"1h" help:"How long somebody waits to be let in until the knock expires."`
	TokenlessRejoin choice   `group:"rooms" default:"address" placeholder:"address" choices:"address,anywhere,never" help:"Where a client without a resume token may return to its seat from."`

	MaxPeople                count    `group:"limits" default:"50" min:"2" max:"250" help:"Seats of a room."`
	MaxKnocks                count    `group:"limits" default:"20" min:"1" max:"200" help:"People who may wait at once to be let into a room."`
	MaxFrame                 byteSize `group:"limits" default:"64KiB" min:"4KiB" max:"1MiB" help:"Bytes of one message from a client."`
	MaxPending               byteSize `group:"limits" default:"1MiB" min:"64KiB" max:"64MiB" help:"Bytes queued for a slow client before it is cut off."`
	MessageRate              count    `group:"limits" default:"200" min:"1" max:"1000000" help:"Messages a second from one connection."`
	MessageBurst             count    `group:"limits" default:"4000" min:"1" max:"1000000" help:"Messages that one connection may send at once."`
	ByteRate                 byteSize `group:"limits" default:"256KiB" min:"1" max:"1GiB" help:"Bytes a second from one connection."`
	ByteBurst                byteSize `group:"limits" default:"4MiB" min:"1" max:"1GiB" help:"Bytes that one connection may send at once."`
	OutputRate               byteSize `group:"limits" default:"2MiB" min:"1" max:"1GiB" help:"Bytes a second that the requests of one connection may make a room send, to all receivers together."`
	OutputBurst              byteSize `group:"limits" default:"64MiB" min:"1" max:"1GiB" help:"Bytes that the requests of one connection may make a room send at once."`
	RoomOutputRate           byteSize `group:"limits" default:"16MiB" min:"1" max:"1GiB" help:"Bytes a second that a room sends to several participants, to all together."`
	RoomOutputBurst          byteSize `group:"limits" default:"256MiB" min:"1" max:"1GiB" help:"Bytes that a room sends to several participants at once."`
	RoomRequestRate          count    `group:"limits" default:"50" min:"1" max:"1000000" help:"Requests a second that change a room, joins included."`
	RoomRequestBurst         count    `group:"limits" default:"1000" min:"1" max:"1000000" help:"Requests that may change a room at once."`
	MaxMemory                byteSize `group:"limits" default:"0" min:"0" help:"Memory to stay within; 0 for three quarters of what is available, otherwise at least 32MiB."`
	MaxConnectionsPerAddress count    `group:"limits" default:"200" min:"0" help:"Open connections of one network address, 0 for no bound."`
	MaxRoomsPerAddress       count    `group:"limits" default:"100" min:"0" help:"Rooms created from one network address, 0 for no bound."`
	AddressRequestRate       count    `group:"limits" default:"20" min:"0" max:"1000000" help:"HTTP requests a second from one network address, handshakes included, 0 for no bound."`
	AddressRequestBurst      count    `group:"limits" default:"2000" min:"1" max:"1000000" help:"HTTP requests that one network address may make at once."`
	AddressJoinRate          count    `group:"limits" default:"3" min:"0" max:"1000000" help:"Joins a second from one network address, returns by token not counted, 0 for no bound."`
	AddressJoinBurst         count    `group:"limits" default:"300" min:"1" max:"1000000" help:"Joins that one network address may make at once."`
	AddressMessageRate       count    `group:"limits" default:"2000" min:"0" max:"1000000" help:"Messages a second from all connections of one network address, 0 for no bound."`
	AddressMessageBurst      count    `group:"limits" default:"200000" min:"1" max:"1000000" help:"Messages that one network address may send at once."`
	AddressByteRate          byteSize `group:"limits" default:"2MiB" min:"0" max:"1GiB" help:"Bytes a second from all connections of one network address, 0 for no bound."`
	AddressByteBurst         byteSize `group:"limits" default:"200MiB" min:"1" max:"1GiB" help:"Bytes that one network address may send at once."`

	AuthJWTKey   string   `group:"auth" name:"auth-jwt-key" placeholder:"FILE" help:"Key that the tokens of your accounts are signed with: PEM, JWK, JWK set, or a secret of at least 32 bytes. Then nobody enters without a token or an invite."`
	AuthJWKS     string   `group:"auth" name:"auth-jwks" placeholder:"URL" help:"JWK set to fetch the keys from, instead of auth-jwt-key."`
	AuthIssuer   string   `group:"auth" placeholder:"ISSUER" help:"What a token must say in iss; anything if empty."`
	AuthAudience string   `group:"auth" placeholder:"AUDIENCE" help:"What a token must say in aud; anything if empty."`
	AuthLeeway   duration `group:"auth" default:"30s" min:"0s" max:"5m" help:"How far the clocks of issuer and server may differ."`
	AuthCreate   choice   `group:"auth" default:"true" placeholder:"true" choices:"true,false" help:"Whether a token may create its room if its claim create does not say."`
	APIKeyFile   string   `group:"auth" name:"api-key-file" placeholder:"FILE" help:"File with a line NAME SHA256 SCOPE,... for each program that may use the API for operators, read again on SIGHUP; usher apikey makes one."`
	AdminToken   string   `group:"auth" name:"admin-token-file" placeholder:"FILE" help:"File that holds the token for the page /admin and the API for operators, read again on SIGHUP; at least 32 characters."`

	ClusterListen            string `group:"cluster" placeholder:"ADDRESS" help:"Where the other nodes reach this one, as HOST:PORT; embeds NATS."`
	ClusterLinkListen        string `group:"cluster" placeholder:"ADDRESS" help:"Where the other nodes connect to this one for frames, as HOST:PORT, or off to use NATS; the port after cluster-listen's if empty."`
	ClusterPeers             list   `group:"cluster" placeholder:"ADDRESS,..." help:"The cluster-listen of all nodes that keep the rooms, this one among them: three or five."`
	ClusterSecretFile        string `group:"cluster" placeholder:"FILE" help:"File that holds the cluster's secret, the same on every node; at least 16 bytes."`
	ClusterAddress           string `group:"cluster" placeholder:"ADDRESS" help:"HOST:PORT of this node for balancers; where listen is, if empty."`
	ClusterNode              string `group:"cluster" placeholder:"ID" help:"Id of this node, to replace one whose folder is lost; otherwise the one in the data folder."`
	ClusterTLSCert           string `group:"cluster" name:"cluster-tls-cert" placeholder:"FILE" help:"PEM file of this node's certificate for the other nodes, or for NATS servers that want one."`
	ClusterTLSKey            string `group:"cluster" name:"cluster-tls-key" placeholder:"FILE" help:"PEM file of its private key."`
	ClusterTLSCA             string `group:"cluster" name:"cluster-tls-ca" placeholder:"FILE" help:"PEM file of the authority that signed the certificates of the other nodes, or of the NATS servers."`
	Cluster                  string `group:"cluster" placeholder:"URL,..." help:"NATS servers that keep the rooms, instead of cluster-listen."`
	ClusterCredentials       string `group:"cluster" placeholder:"FILE" help:"NATS credentials (.creds) for cluster."`
	ClusterSystemCredentials string `group:"cluster" placeholder:"FILE" help:"NATS credentials (.creds) of the system account, to see whether every NATS server syncs each write."`
	ClusterSyncAssured       choice `group:"cluster" default:"false" placeholder:"false" choices:"true,false" help:"Your word that every NATS server of cluster has sync_interval: always, which an ordinary account cannot see."`

	ICEServer      iceServers `group:"ice" name:"ice-server" placeholder:"URL,..." help:"STUN and TURN servers handed out to clients."`
	TURNSecret     string     `group:"ice" name:"turn-secret" secret:"" placeholder:"SECRET" help:"Shared secret of a TURN server with use-auth-secret; better in a file."`
	TURNSecretFile string     `group:"ice" name:"turn-secret-file" placeholder:"FILE" help:"File that holds the shared secret, instead of turn-secret."`
	TURNTTL        duration   `group:"ice" name:"turn-ttl" default:"12h" min:"5m" max:"24h" help:"How long TURN credentials are valid; participants get new ones when half of that is over."`
	TURNOpen       choice     `group:"ice" name:"turn-open" default:"false" placeholder:"false" choices:"true,false" help:"Whether those without a seat get TURN credentials too, for 5m: legacy clients can relay then, and so can anybody."`

	TURNListen          list      `group:"ice" name:"turn-listen" placeholder:"ADDRESS,..." help:"Where the embedded STUN and TURN server listens for UDP and TCP, as HOST:PORT, such as :3478."`
	TURNTLSListen       list      `group:"ice" name:"turn-tls-listen" placeholder:"ADDRESS,..." help:"Where it listens for TLS, with the server's certificate, such as :5349."`
	TURNPublicAddress   ipAddress `group:"ice" name:"turn-public-address" placeholder:"IP" help:"IP address by which clients and peers reach the embedded TURN server."`
	TURNHost            string    `group:"ice" name:"turn-host" placeholder:"NAME" help:"Name of the embedded TURN server in URLs; the first tls-domain or turn-public-address if empty."`
	TURNPorts           portRange `group:"ice" name:"turn-ports" default:"49152-65535" placeholder:"MIN-MAX" help:"UDP ports of the relayed addresses (49152-65535)."`
	TURNAllowPeers      networks  `group:"ice" name:"turn-allow-peers" placeholder:"NETWORK,..." help:"Networks that may be relayed to although they are not public."`
	TURNSeatAllocations count     `group:"ice" name:"turn-seat-allocations" default:"16" min:"1" max:"256" help:"Relayed addresses of one seat."`
	TURNSeatBandwidth   byteSize  `group:"ice" name:"turn-seat-bandwidth" default:"4MiB" min:"16KiB" max:"1GiB" help:"Bytes a second that one seat relays in each direction."`
	TURNLifetime        duration  `group:"ice" name:"turn-lifetime" default:"12h" min:"1m" max:"7d" help:"How old a relayed address may get."`

	TURNKeyID        string `group:"ice" name:"turn-key-id" placeholder:"ID" help:"Id of a TURN key of Cloudflare, whose servers are handed out too."`
	TURNKeyTokenFile string `group:"ice" name:"turn-key-token-file" placeholder:"FILE" help:"File that holds the API token of turn-key-id."`

	TLSCert       string `group:"tls" name:"tls-cert" placeholder:"FILE" help:"PEM file of the certificate chain, read again on SIGHUP."`
	TLSKey        string `group:"tls" name:"tls-key" placeholder:"FILE" help:"PEM file of the private key, read again on SIGHUP."`
	TLSDomain     list   `group:"tls" name:"tls-domain" placeholder:"NAME,..." help:"Domains to get certificates for by ACME, instead of tls-cert."`
	ACMEDirectory string `group:"tls" name:"acme-directory" placeholder:"URL" help:"Directory of the ACME server; Let's Encrypt if empty."`
	ACMEEmail     string `group:"tls" name:"acme-email" placeholder:"EMAIL" help:"Contact address for the ACME server."`

	WebhookURL          string   `group:"webhooks" name:"webhook-url" placeholder:"URL" help:"Where to report what happens in rooms, by signed POSTs (Standard Webhooks)."`
	WebhookSecretFile   string   `group:"webhooks" placeholder:"FILE" help:"File with the secret that signs webhooks, or the new and the old one; usher webhooks secret makes one. Read again on SIGHUP."`
	WebhookEvents       list     `group:"webhooks" default:"room.created,room.ended,user.joined,user.left,room.host_changed,user.kicked,user.banned" placeholder:"EVENT,..." help:"Events to send, all by default; docs/webhooks.md lists them."`
	WebhookQueue        count    `group:"webhooks" default:"100000" min:"100" max:"1000000" help:"Webhooks that may wait, in the data folder or for all nodes of a cluster; more are dropped."`
	WebhookRetryFor     duration `group:"webhooks" default:"3d" min:"1m" max:"30d" help:"How long a webhook is tried before it is set aside."`
	WebhookAllowPrivate choice   `group:"webhooks" default:"false" placeholder:"false" choices:"true,false" help:"Whether webhook-url may be in a private network or on this machine."`
	WebhookAllowHTTP    choice   `group:"webhooks" name:"webhook-allow-http" default:"false" placeholder:"false" choices:"true,false" help:"Whether webhook-url may be http://."`

	LogLevel  choice `group:"logging" default:"info" placeholder:"info" choices:"debug,info,warn,error" help:"Minimum log level."`
	LogFormat choice `group:"logging" default:"text" placeholder:"text" choices:"text,json" help:"Format of the log on stderr."`

	FlightRecorder byteSize `group:"logging" default:"8MiB" min:"0" max:"1GiB" help:"Bytes for what happened in the rooms recently, which usher replay shows, 0 for none."`

	AuditLog   string `group:"logging" placeholder:"FILE" help:"File for what hosts, cohosts and the operator do, a JSON object a line, opened again on SIGHUP; - is stdout."`
	AuditNames choice `group:"logging" default:"false" placeholder:"false" choices:"true,false" help:"Whether the audit log has the names of people and rooms."`
}

// helpText is one flag's help with its bounds or choices, taken from the tags so that they cannot
// differ from what is checked.
func helpText(value *kong.Value) string {
	low, high := value.Tag.Get("min"), value.Tag.Get("max")
	extra := ""
	switch choices := value.Tag.Get("choices"); {
	case choices != "":
		extra = ": " + enumerate(strings.Split(choices, ","), "or")
	case high != "" && strings.Contains(value.Help, "0 for no bound"):
		extra = ", at most " + high
	case high != "":
		extra = ", " + low + " to " + high
	case low != "" && strings.Trim(low, "0s") != "":
		extra = ", at least " + low
	}
	return strings.TrimSuffix(value.Help, ".") + extra + "."
}

// enumerate joins words as a person would: a, b or c.
func enumerate(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	end := len(words) - 1
	return strings.Join(words[:end], ", ") + " " + last + " " + words[end]
}

// settingsOf returns the settings of a command, in the order of the help.
func settingsOf(command *kong.Node) []*kong.Flag {
	var flags []*kong.Flag
	for _, flag := range command.Flags {
		if flag.Group != nil {
			flags = append(flags, flag)
		}
	}
	return flags
}
