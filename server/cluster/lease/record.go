package lease

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// Errors of DecodeRecord and DecodeTable.
var (
	// ErrNewer: a later version wrote this. Nothing may be concluded from it or written over it.
	ErrNewer = errors.New("written by a newer version of usher; upgrade this node")
	// ErrCorrupt: the bytes are not what any version wrote under this key.
	ErrCorrupt = errors.New("corrupt: the checksum or the layout is wrong; compare the servers' copies of this key")
)

// Incarnation is one life of a node: its id, and a random number that is new at each start and
// after each eviction. The zero Incarnation is nobody.
type Incarnation struct {
	ID    string
	Nonce uint64
}

// Record is what a node's key holds: its lease.
type Record struct {
	// Nonce makes the incarnation, together with the id in the key. Counter grows with each write
	// of an incarnation, so that no two of its writes are equal.
	Nonce, Counter uint64
	// Evicted: the incarnation is over, for good. Draining: it wants to own nothing.
	Evicted, Draining bool
	// MinWire and MaxWire are the versions of the messages between nodes that it speaks.
	MinWire, MaxWire uint8
	// Address is host:port of its HTTP server.
	Address string
}

const (
	recordVersion = 1
	// version, flags, nonce, counter, two wire versions, length of the address
	recordHead    = 1 + 1 + 8 + 8 + 1 + 1 + 1
	checksumBytes = 4
	flagEvicted   = 1
	flagDraining  = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Append encodes the record of the node with this id. The address must keep to its bound.
func (r *Record) Append(b []byte, id string) []byte {
	start := len(b)
	flags := byte(0)
	if r.Evicted {
		flags |= flagEvicted
	}
	if r.Draining {
		flags |= flagDraining
	}
	b = append(b, recordVersion, flags)
	b = binary.LittleEndian.AppendUint64(b, r.Nonce)
	b = binary.LittleEndian.AppendUint64(b, r.Counter)
	b = append(b, r.MinWire, r.MaxWire, byte(len(r.Address)))
	b = append(b, r.Address...)
	return binary.LittleEndian.AppendUint32(b, checksum(id, b[start:]))
}

// DecodeRecord decodes what the key of the node with this id holds; ErrNewer or ErrCorrupt.
func DecodeRecord(id string, b []byte) (Record, error) {
	if len(b) > 0 && b[0] > recordVersion {
		return Record{}, ErrNewer
	}
	if len(b) < recordHead+checksumBytes || b[0] != recordVersion || b[1] > flagEvicted|flagDraining {
		return Record{}, ErrCorrupt
	}
	body, sum := b[:len(b)-checksumBytes], b[len(b)-checksumBytes:]
	if len(body) != recordHead+int(body[recordHead-1]) || binary.LittleEndian.Uint32(sum) != checksum(id, body) {
		return Record{}, ErrCorrupt
	}
	return Record{
		Nonce: binary.LittleEndian.Uint64(body[2:]), Counter: binary.LittleEndian.Uint64(body[10:]),
		Evicted: body[1]&flagEvicted != 0, Draining: body[1]&flagDraining != 0,
		MinWire: body[18], MaxWire: body[19], Address: string(body[recordHead:]),
	}, nil
}

// checksum covers the key too, so that a record under another's key is found.
func checksum(key string, body []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(key), castagnoli), castagnoli, body)
}
