package broker

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Open starts an embedded server and returns once it runs. A majority of the peers may still be
// missing: see Ready. The errors that a person can mend are *Error.
func Open(config Config) (*Broker, error) {
	config.setDefaults()
	self, err := config.check()
	if err != nil {
		return nil, err
	}
	f, err := openFolder(config.Dir, config.NodeID, fingerprint(config.Secret))
	if err != nil {
		return nil, err
	}
	b := &Broker{
		log: config.Log, node: f.node, peers: len(config.Peers), folder: f,
		assured: true, // SyncAlways is ours
		payload: int64(config.MaxFrameBytes + PayloadSlackBytes),
		between: func(self string) (*tls.Config, error) { return config.tls(f.node, self) },
	}
	if err := b.start(&config, self); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (b *Broker) start(config *Config, self string) error {
	options, err := b.serverOptions(config, self)
	if err != nil {
		return err
	}
	if b.peers > 1 {
		// nats-server reports an address in use only in its log.
		l, err := net.Listen("tcp", config.Listen)
		if err != nil {
			return &Error{ErrListen, err.Error(), "choose another port for cluster routes, or stop what uses it"}
		}
		_ = l.Close()
	}
	s, err := server.NewServer(options)
	if err != nil {
		return fmt.Errorf("making the NATS server: %w", err)
	}
	b.logged = newServerLog(config.Log, func() { b.refused.Add(1) })
	s.SetLoggerV2(b.logged, config.Log.Enabled(context.Background(), slog.LevelDebug-4), false, false)
	b.server = s
	s.Start()
	if !s.ReadyForConnections(config.StartTimeout) || !s.JetStreamEnabled() {
		return fmt.Errorf("starting the NATS server: it is not up after %v: %s", config.StartTimeout, b.logged.lastFatal())
	}
	b.options = append(connectOptions(config.Log), nats.InProcessServer(s))
	b.conn, err = b.dial(b.node)
	return err
}

// inProcess lets in only the connections of this process, which are pipes.
type inProcess struct{}

// Check is asked for each client.
func (inProcess) Check(c server.ClientAuthentication) bool {
	address := c.RemoteAddress()
	return address != nil && address.Network() == "pipe"
}

// serverOptions are the whole configuration of the embedded server.
func (b *Broker) serverOptions(config *Config, self string) (*server.Options, error) {
	o := &server.Options{
		// Without a port for clients (DontListen) nats-server starts no routes either. So it has
		// one on the loopback interface, where it takes nobody.
		ServerName: b.node, Host: "127.0.0.1", Port: server.RANDOM_PORT, CustomClientAuthentication: inProcess{},
		NoSigs: true, NoLog: true, AuthTimeout: 2,
		MaxPayload: int32(config.payloadBytes()), MaxPending: 64 << 20, WriteDeadline: 10 * time.Second,
		JetStream: true, StoreDir: filepath.Join(b.folder.dir, "jetstream"), SyncAlways: true,
		JetStreamMaxMemory: 16 << 20, JetStreamMaxStore: config.MaxStoreBytes, DisableJetStreamBanner: true,
	}
	if b.peers == 1 {
		o.DontListen = true
		return o, nil
	}
	host, portText, err := net.SplitHostPort(config.Listen)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, err
	}
	if host == "" {
		host = server.DEFAULT_HOST
	}
	tlsConfig, err := config.tls(b.node, self)
	if err != nil {
		return nil, err
	}
	user, password := "usher", fmt.Sprintf("%x", derive(config.Secret, "route password"))
	o.Cluster = server.ClusterOpts{
		Name: "usher-" + fingerprint(config.Secret), Host: host, Port: port, Advertise: self, NoAdvertise: true,
		TLSConfig: tlsConfig, TLSTimeout: 5, Username: user, Password: password, AuthTimeout: 5,
		Compression: server.CompressionOpts{Mode: server.CompressionOff}, PingInterval: 10 * time.Second,
	}
	// The server finds itself in the list and leaves that route out. It counts the list to know the
	// size of the cluster before it has met everybody.
	for _, peer := range config.Peers {
		o.Routes = append(o.Routes, &url.URL{Scheme: "nats-route", User: url.UserPassword(user, password), Host: peer})
	}
	return o, nil
}

// tls is for both sides of a route.
func (c *Config) tls(node, self string) (*tls.Config, error) {
	if !c.TLS.none() {
		return c.TLS.between(self)
	}
	a, err := newAuthority(c.Secret, node)
	if err != nil {
		return nil, err
	}
	return a.config(), nil
}
