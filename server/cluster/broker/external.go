package broker

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// External is what a node needs to use NATS servers that an operator runs.
type External struct {
	// NodeID names this node among the others, as Config.NodeID does.
	NodeID string
	// Dir is the data folder, which has the node's id. It is created if it does not exist.
	Dir string
	// URL is one or more servers, separated by commas.
	URL string
	// CredentialsFile is a .creds file, "" for none.
	CredentialsFile string
	// TLS has the authority of the servers' certificates, if the system does not know it, and this
	// node's own certificate for servers that want one.
	TLS TLSFiles
	// SystemCredentialsFile is a .creds file of the system account, and SystemURL the same servers
	// with its user and password: either lets Check see whether each server syncs always.
	SystemCredentialsFile, SystemURL string
	// SyncAssured is the operator's word that every server has sync_interval: always.
	SyncAssured bool
	// MaxFrameBytes is the largest frame that nodes pass to each other; 0 means 64 KiB.
	MaxFrameBytes int
	// Log gets reports about the connection; nil means slog.Default().
	Log *slog.Logger
}

// Check returns an *Error if the settings cannot work.
func (c *External) Check() error {
	_, err := c.check()
	return err
}

func (c *External) check() (*tls.Config, error) {
	for _, file := range []string{c.CredentialsFile, c.SystemCredentialsFile} {
		if _, err := os.ReadFile(file); file != "" && err != nil {
			return nil, &Error{ErrConfig, err.Error(), "name a credentials file that this process may read: nats auth user credential"}
		}
	}
	if err := checkNode(c.NodeID, c.Dir); err != nil {
		return nil, err
	}
	return c.TLS.towards()
}

// Connect connects to NATS, trying until ctx is done. The errors that a person can mend are *Error.
func Connect(ctx context.Context, config External) (*Broker, error) {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	if config.MaxFrameBytes == 0 {
		config.MaxFrameBytes = 64 << 10
	}
	tlsConfig, err := config.check()
	if err != nil {
		return nil, err
	}
	f, err := openFolder(config.Dir, config.NodeID, externalCluster)
	if err != nil {
		return nil, err
	}
	b := &Broker{
		log: config.Log, node: f.node, folder: f, peers: 3, url: config.URL, assured: config.SyncAssured,
		payload: int64(config.MaxFrameBytes + PayloadSlackBytes), options: connectOptions(config.Log),
		between: config.TLS.between,
	}
	if !config.TLS.none() {
		b.options = append(b.options, nats.Secure(tlsConfig))
	}
	ordinary := len(b.options)
	if config.CredentialsFile != "" {
		b.options = append(b.options, nats.UserCredentials(config.CredentialsFile))
	}
	if config.SystemCredentialsFile != "" || config.SystemURL != "" {
		b.system = systemDial(&config, f.node, b.options[:ordinary:ordinary])
	}
	if err := b.connect(ctx, config.URL); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (b *Broker) connect(ctx context.Context, url string) error {
	for tries := 0; ; tries++ {
		conn, err := b.dial(b.node)
		if err == nil {
			b.conn = conn
			return nil
		}
		if refused := refusedTLS(err); refused != nil {
			return refused
		}
		if errors.Is(err, nats.ErrAuthorization) {
			return &Error{ErrUnreachable, err.Error(), "look at the user in the URL and at the credentials file"}
		}
		if tries == 0 { // an operator who waits for minutes should know what for
			b.log.Warn("NATS cannot be reached; trying again", "servers", redacted(url), "error", err)
		}
		if sleep(ctx, 250*time.Millisecond) != nil {
			return &Error{ErrUnreachable, err.Error(), "look whether a NATS server listens at " + redacted(url) + " and whether TLS is the same on both sides"}
		}
	}
}

// refusedTLS is why trying again is of no use, nil if it may be of some.
func refusedTLS(err error) error {
	var unverified *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unverified):
		return tlsError("a NATS server's certificate: "+err.Error(),
			"give the authority that signed it as cluster-tls-ca, and use a host of the URL that the certificate is for")
	case strings.Contains(err.Error(), "remote error: tls:"), errors.Is(err, nats.ErrSecureConnRequired):
		return tlsError("a NATS server refuses this node: "+err.Error(), "a server with verify: true wants cluster-tls-cert and cluster-tls-key of an authority that it knows")
	case errors.Is(err, nats.ErrSecureConnWanted):
		return tlsError("the NATS server has no TLS", "use nats:// without cluster-tls-ca, or give the server a certificate")
	}
	return nil
}

// redacted is a URL without what stands before its host.
func redacted(url string) string {
	servers := strings.Split(url, ",")
	for i, s := range servers {
		if at := strings.LastIndex(s, "@"); at >= 0 {
			servers[i] = s[at+1:]
		}
	}
	return strings.Join(servers, ",")
}

func systemDial(config *External, node string, options []nats.Option) func(context.Context) (*nats.Conn, error) {
	url := config.SystemURL
	if url == "" {
		url = config.URL
	}
	if config.SystemCredentialsFile != "" {
		options = append(options, nats.UserCredentials(config.SystemCredentialsFile))
	}
	options = append(options, nats.Name("usher "+node+" check"), nats.MaxReconnects(0))
	return func(context.Context) (*nats.Conn, error) { return nats.Connect(url, options...) }
}

// serverReport is what a server answers to JSZ.
type serverReport struct {
	Server struct {
		Name    string `json:"name"`
		Version string `json:"ver"`
	} `json:"server"`
	Data struct {
		Disabled bool `json:"disabled"`
		Config   struct {
			SyncAlways bool `json:"sync_always"`
		} `json:"config"`
	} `json:"data"`
}

// checkServers asks every server, by the system account, for its version and whether it syncs.
func (b *Broker) checkServers(ctx context.Context) error {
	conn, err := b.system(ctx)
	if err != nil {
		return &Error{ErrNotSynced, "the system account cannot be used: " + err.Error(), "look at the system account's credentials (cluster-system-credentials), or set cluster-sync-assured"}
	}
	defer conn.Close()
	inbox := nats.NewInbox()
	replies, err := conn.SubscribeSync(inbox)
	if err == nil {
		err = conn.PublishRequest("$SYS.REQ.SERVER.PING.JSZ", inbox, nil)
	}
	if err != nil {
		return fmt.Errorf("asking the NATS servers: %w", err)
	}
	asked, wait := 0, 2*time.Second
	for {
		message, err := replies.NextMsg(wait)
		if err != nil || message.Header.Get("Status") != "" {
			break // nobody more answers
		}
		wait = 500 * time.Millisecond
		var report serverReport
		if err := json.Unmarshal(message.Data, &report); err != nil {
			return fmt.Errorf("asking the NATS servers: %w", err)
		}
		if report.Data.Disabled {
			continue
		}
		asked++
		if err := checkVersion(report.Server.Name, report.Server.Version); err != nil {
			return err
		}
		if !report.Data.Config.SyncAlways {
			return &Error{ErrNotSynced, report.Server.Name + " has a sync_interval other than always", "set sync_interval: always in the jetstream block of every NATS server"}
		}
	}
	if asked == 0 {
		return &Error{ErrNotSynced, "no server answers the system account", "look whether cluster-system-credentials are the system account's, or set cluster-sync-assured"}
	}
	return nil
}
