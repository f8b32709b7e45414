package store

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// MaxIDBytes is the longest id that Save takes. A key must fit well into a page of 4 KiB.
const MaxIDBytes = 1024

const (
	recordVersion     = 1
	recordHeaderBytes = 22
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Record is what the store keeps for one room.
type Record struct {
	// ExpiresAtMs is when RemoveExpired may drop the record, in ms since 1970. 0 is never.
	ExpiresAtMs int64
	// Creator is for counting the rooms of one network address. The store does not look at it.
	Creator uint64
	// Snapshot is the room's state, opaque to the store.
	Snapshot []byte
}

var (
	errRecordShort    = errors.New("shorter than its header")
	errRecordVersion  = errors.New("unknown version")
	errRecordFlags    = errors.New("unknown flags")
	errRecordChecksum = errors.New("wrong checksum")
)

// appendRecord appends the encoding of r, as the record of id, to dst.
func appendRecord(dst []byte, id string, r Record) []byte {
	at := len(dst)
	dst = append(dst, recordVersion, 0, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.ExpiresAtMs))
	dst = binary.LittleEndian.AppendUint64(dst, r.Creator)
	dst = append(dst, r.Snapshot...)
	encoded := dst[at:]
	binary.LittleEndian.PutUint32(encoded[2:], recordChecksum(id, encoded))
	return dst
}

// decodeRecord checks b, the record of id. The snapshot that it returns is a part of b.
func decodeRecord(id string, b []byte) (Record, error) {
	if len(b) < recordHeaderBytes {
		return Record{}, errRecordShort
	}
	// The version goes first: another one may keep its checksum elsewhere.
	if b[0] != recordVersion {
		return Record{}, errRecordVersion
	}
	if recordChecksum(id, b) != binary.LittleEndian.Uint32(b[2:]) {
		return Record{}, errRecordChecksum
	}
	if b[1] != 0 {
		return Record{}, errRecordFlags
	}
	return Record{
		ExpiresAtMs: int64(binary.LittleEndian.Uint64(b[6:])),
		Creator:     binary.LittleEndian.Uint64(b[14:]),
		Snapshot:    b[recordHeaderBytes:],
	}, nil
}

// recordChecksum covers the id, so that a record under another room's key is found out.
func recordChecksum(id string, b []byte) uint32 {
	var buf [64]byte
	crc := crc32.Update(0, castagnoli, append(buf[:0], id...))
	crc = crc32.Update(crc, castagnoli, b[:2])
	return crc32.Update(crc, castagnoli, b[6:])
}

func (r Record) expired(nowMs int64) bool {
	return r.ExpiresAtMs != 0 && r.ExpiresAtMs <= nowMs
}
