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
)

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
	_, encoded, _ := strings.Cut(strings.TrimPrefix(key, roomPrefix), ".")
	decoded, err := base64.RawURLEncoding.DecodeString(encoded)
	return string(decoded), err == nil && validID(string(decoded)) && roomKey(string(decoded)) == key
}

func validID(id string) bool { return len(id) > 0 && len(id) <= store.MaxIDBytes }
