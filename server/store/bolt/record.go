package bolt

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"usher/server/store"
)

var errID = errors.New("an id has 1 to 1024 bytes")

const (
	// recordVersion is the version that is written. A reader accepts every version up to the one
	// after it, whose header has the same layout, so that an upgrade can be rolled back.
	recordVersion     = 2
	recordHeaderBytes = 22
)

// Flags of a record. A reader ignores unknown flags among the lower four, and refuses the record
// for an unknown flag among the upper four.
const (
	recordClean    = 1 << 0
	recordCritical = 0xf0
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	errRecordShort    = errors.New("shorter than its header")
	errRecordVersion  = errors.New("unknown version")
	errRecordFlags    = errors.New("unknown flags")
	errRecordChecksum = errors.New("wrong checksum")
)

// appendRecord appends the encoding of r, as the record of id, to dst.
func appendRecord(dst []byte, id string, r store.Record) []byte {
	at := len(dst)
	var flags byte
	if r.Clean {
		flags = recordClean
	}
	dst = append(dst, recordVersion, flags, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.ExpiresAtMs))
	dst = binary.LittleEndian.AppendUint64(dst, r.Creator)
	dst = append(dst, r.Snapshot...)
	encoded := dst[at:]
	binary.LittleEndian.PutUint32(encoded[2:], recordChecksum(id, encoded))
	return dst
}

// decodeRecord checks b, the record of id. The snapshot that it returns is part of b. The error is
// store.ErrNewer for a sound record that this reader must not read.
func decodeRecord(id string, b []byte) (store.Record, error) {
	if len(b) < recordHeaderBytes {
		return store.Record{}, errRecordShort
	}
	version, flags := b[0], b[1]
	switch {
	case version == 0:
		return store.Record{}, errRecordVersion
	case recordChecksum(id, b) != binary.LittleEndian.Uint32(b[2:]):
		return store.Record{}, errRecordChecksum
	case version == 1 && flags != 0:
		return store.Record{}, errRecordFlags
	case version > recordVersion+1, flags&recordCritical != 0:
		return store.Record{}, store.ErrNewer
	}
	return store.Record{
		ExpiresAtMs: int64(binary.LittleEndian.Uint64(b[6:])),
		Creator:     binary.LittleEndian.Uint64(b[14:]),
		Clean:       flags&recordClean != 0,
		Snapshot:    b[recordHeaderBytes:],
	}, nil
}

// recordChecksum covers the id, so that a record under another room's key is detected.
func recordChecksum(id string, b []byte) uint32 {
	var buf [64]byte
	crc := crc32.Update(0, castagnoli, append(buf[:0], id...))
	crc = crc32.Update(crc, castagnoli, b[:2])
	return crc32.Update(crc, castagnoli, b[6:])
}
