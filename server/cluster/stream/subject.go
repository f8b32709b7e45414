package stream

import (
	"encoding/base64"
	"hash/fnv"
	"strconv"
	"strings"

	"usher/server/store"
)

const (
	// Name is the stream's.
	Name = "USHER"
	// Shards is how many parts the rooms are divided into. It is in u.meta and never changes.
	Shards = 1024

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

// Shard is the shard of a room: FNV-1a of its id, 64 bits, folded to 32 and then modulo Shards. It
// is the same in every version.
func Shard(id string) int {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // never fails
	sum := h.Sum64()
	return int((uint32(sum>>32) ^ uint32(sum)) % Shards)
}

// roomKey is the key of a room's record.
func roomKey(id string) string { return roomPrefix + suffix(id) }

// suffix is what the keys of a room end with.
func suffix(id string) string {
	return strconv.Itoa(Shard(id)) + "." + base64.RawURLEncoding.EncodeToString([]byte(id))
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
