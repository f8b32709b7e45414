package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// MinVersion is the oldest nats-server that can hold rooms: older ones lose acknowledged writes
// when power fails, or do not know what usher asks for.
const MinVersion = "2.15.2"

// Check looks again at what the promise of durable rooms depends on: version, largest message,
// JetStream, and that each write is synced. A node does it at its start and once a minute. It
// returns an *Error for what a person must mend, and another error if NATS does not answer. Package
// stream checks the stream.
func (b *Broker) Check(ctx context.Context) error {
	if err := b.ask(ctx); err != nil {
		return err
	}
	if b.server != nil {
		return b.checkEmbedded()
	}
	return b.checkExternal(ctx)
}

func (b *Broker) checkEmbedded() error {
	if err := checkVersion(b.node, server.VERSION); err != nil {
		return err
	}
	config := b.server.JetStreamConfig()
	if config == nil || !b.server.JetStreamEnabled() {
		return &Error{ErrFolder, "the embedded server has stopped keeping its copy: " + b.logged.lastCritical(),
			"mend or free the disk of " + b.folder.dir + " and restart this node; the others go on meanwhile"}
	}
	if !config.SyncAlways {
		return &Error{ErrNotSynced, "the embedded server does not sync always", "this is a defect of usher; report it"}
	}
	if b.peers > 1 && b.server.JetStreamIsLeader() { // only the leader has the list
		if got := len(b.server.JetStreamClusterPeers()); got > b.peers {
			return &Error{ErrPeers, fmt.Sprintf("the cluster has %d servers and this node was told of %d", got, b.peers),
				"give every node the same list of peers; replace a node by one with its id and an empty folder"}
		}
	}
	return b.checkPayload()
}

func (b *Broker) checkExternal(ctx context.Context) error {
	if err := checkVersion(b.conn.ConnectedServerName(), b.conn.ConnectedServerVersion()); err != nil {
		return err
	}
	if err := b.checkPayload(); err != nil || b.assured {
		return err
	}
	if b.system == nil {
		return &Error{ErrNotSynced, "an ordinary account cannot see whether sync_interval is always",
			"set sync_interval: always in the jetstream block of every NATS server\nthen give credentials of the system account as cluster-system-credentials, so that usher can look, or set cluster-sync-assured to vouch for it"}
	}
	return b.checkServers(ctx)
}

func (b *Broker) checkPayload() error {
	if got := b.conn.MaxPayload(); got < b.payload {
		return &Error{ErrPayload, fmt.Sprintf("it is %d bytes and must be %d", got, b.payload),
			fmt.Sprintf("set max_payload: %d or more on every NATS server, or lower max-frame", b.payload)}
	}
	return nil
}

// ask asks JetStream about the account, which is how its presence shows.
func (b *Broker) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	message, err := b.conn.RequestWithContext(ctx, "$JS.API.INFO", nil)
	if errors.Is(err, nats.ErrNoResponders) && b.server == nil {
		return &Error{ErrNoJetStream, "nobody answers for it in this account", "enable JetStream in every NATS server (jetstream: enabled) and for usher's account"}
	}
	if err != nil {
		return fmt.Errorf("asking for JetStream: %w", err)
	}
	var reply struct {
		Error *struct {
			ErrCode     server.ErrorIdentifier `json:"err_code"`
			Description string                 `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(message.Data, &reply); err != nil {
		return fmt.Errorf("asking for JetStream: %w", err)
	}
	switch {
	case reply.Error == nil:
		return nil
	case reply.Error.ErrCode == server.JSNotEnabledErr, reply.Error.ErrCode == server.JSNotEnabledForAccountErr:
		return &Error{ErrNoJetStream, reply.Error.Description, "enable JetStream in every NATS server (jetstream: enabled) and for usher's account"}
	}
	return fmt.Errorf("asking for JetStream: %s", reply.Error.Description)
}

// checkVersion compares numbers only: a preview of a version counts as it.
func checkVersion(name, version string) error {
	if versionNumber(version) < versionNumber(MinVersion) {
		return &Error{ErrTooOld, fmt.Sprintf("%s has version %s", name, version), "update every NATS server to " + MinVersion + " or newer"}
	}
	return nil
}

func versionNumber(version string) (number int) {
	core, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), "-")
	parts := strings.Split(core, ".")
	for i := range 3 {
		n := 0
		if i < len(parts) {
			n, _ = strconv.Atoi(parts[i])
		}
		number = number*1000 + n
	}
	return number
}
