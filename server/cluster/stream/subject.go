package stream

import (
	"encoding/base64"
	"strconv"
	"strings"

	"usher/server/cluster/lease"
	"usher/server/store"
)

const (
	// Name is the stream's.
	Name = "USHER"
	// QueueName is that of the stream of messages that wait.
	QueueName = "USHER_WEBHOOKS"
	// AsideName is that of the stream of messages that were set aside.
	AsideName = "USHER_WEBHOOKS_ASIDE"
	// TableKey is the key of the table of shards.
	TableKey = "u.table"
	// NodePrefix is what a node's key begins with.
	NodePrefix = "u.node."
	// HintSubject is not in the stream: a message there means that a node or the table has changed.
	HintSubject = "u.hint"

	nodeKeys      = "u.node.*"
	metaKey       = "u.meta"
	probeKey      = "u.probe"
	roomPrefix    = "u.room."
	corruptPrefix = "u.corrupt."

	queuePrefix = "u.webhook."
	asidePrefix = "u.aside."
	// queuedSubject is in no stream: the text of a message there is the sequence of one in the
	// queue.
	queuedSubject = "u.queued"
)

// Entry is a key with its value.
type Entry struct {
	Key   string
	Value []byte
	// Revision is the sequence of the write: what the next one expects. 0: the key does not exist.
	Revision uint64
}

// roomKey is the key of a room's record.
func roomKey(id string) string { return roomPrefix + suffix(id) }

// suffix is what the keys of a room end with.
func suffix(id string) string {
	return strconv.Itoa(lease.ShardOf(id)) + "." + base64.RawURLEncoding.EncodeToString([]byte(id))
}

// shardKeys are the keys of all rooms of a shard.
func shardKeys(shard int) string { return roomPrefix + strconv.Itoa(shard) + ".*" }

// roomID is the id of the room whose record has that key.
func roomID(key string) (id string, ok bool) {
	if !strings.HasPrefix(key, roomPrefix) {
		return "", false
	}
	return idOf(key)
}

// idOf is the id of the room in a key that ends with its suffix.
func idOf(key string) (id string, ok bool) {
	encoded := key[strings.LastIndexByte(key, '.')+1:]
	decoded, err := base64.RawURLEncoding.DecodeString(encoded)
	id = string(decoded)
	return id, err == nil && validID(id) && strings.HasSuffix(key, "."+suffix(id))
}

func validID(id string) bool { return len(id) > 0 && len(id) <= store.MaxIDBytes }
