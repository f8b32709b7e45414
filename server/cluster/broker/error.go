package broker

import "errors"

// The kinds of an Error.
var (
	// ErrConfig: the settings contradict themselves.
	ErrConfig = errors.New("the cluster's settings are wrong")
	// ErrPeers: the list of peers cannot be a cluster of which this node is a part.
	ErrPeers = errors.New("the list of cluster peers is wrong")
	// ErrSecret: this node and its peers do not have the same secret.
	ErrSecret = errors.New("the cluster's secret is not the peers'")
	// ErrFolder: the data folder is of another cluster or node, or cannot be used.
	ErrFolder = errors.New("the cluster's data folder cannot be used")
	// ErrLocked: another process has the data folder open.
	ErrLocked = errors.New("the cluster's data folder is locked")
	// ErrTLS: the certificate files cannot be used.
	ErrTLS = errors.New("the cluster's certificates cannot be used")
	// ErrListen: the address for routes cannot be listened on.
	ErrListen = errors.New("the address for cluster routes cannot be used")
	// ErrLinkListen: the address for links cannot be listened on, or not be dialed by other nodes.
	ErrLinkListen = errors.New("the address for links between nodes cannot be used")
	// ErrUnreachable: NATS or a majority of the peers does not answer.
	ErrUnreachable = errors.New("the cluster cannot be reached")
	// ErrNoJetStream: the NATS server or account has no JetStream.
	ErrNoJetStream = errors.New("NATS has no JetStream")
	// ErrTooOld: a NATS server is older than MinVersion.
	ErrTooOld = errors.New("the NATS server is too old")
	// ErrNotSynced: what a NATS server acknowledges may not be on disk, or nobody can tell.
	ErrNotSynced = errors.New("NATS does not sync each write")
	// ErrPayload: the largest message that NATS takes is too small.
	ErrPayload = errors.New("NATS's max_payload is too small")
	// ErrSettings: the stream has settings with which it cannot hold rooms.
	ErrSettings = errors.New("the stream's settings are wrong")
	// ErrClock: this machine's clock and that of a server differ too much.
	ErrClock = errors.New("the clock is wrong")
	// ErrVersion: this node and another speak no version of messages in common.
	ErrVersion = errors.New("this release and that of another node have nothing in common")
	// ErrMeta: the stream belongs to an usher whose format or count of shards is another.
	ErrMeta = errors.New("the stream has another format")
)

// Error is a refusal that a person can mend. errors.Is knows its Kind.
type Error struct {
	// Kind is one of the sentinels of this package.
	Kind error
	// Problem is what was found, in a sentence without a full stop.
	Problem string
	// Hint is how to mend it; lines are separate hints.
	Hint string
}

// Error is the kind and the problem, without the hint.
func (e *Error) Error() string { return e.Kind.Error() + ": " + e.Problem }

// Unwrap returns the Kind.
func (e *Error) Unwrap() error { return e.Kind }
