package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"usher/server/store"
)

const (
	// recordVersion is the version that is written. A reader accepts every version up to the one
	// after it, whose header has the same layout, so that an upgrade can be rolled back.
	recordVersion    = 1
	recordFixedBytes = 32
	// MaxIncarnationBytes is the longest incarnation that a record can have.
	MaxIncarnationBytes = 255
)

// Flags of a record. A reader ignores unknown flags among the lower four, and refuses the record
// for an unknown flag among the upper four.
const (
	flagComplete  = 1 << 0
	flagTombstone = 1 << 1
	flagOutbox    = 1 << 4 // whoever does not know it would lose the messages
	flagsCritical = 0xf0
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errRecord is in the error for a record that cannot be what was written.
var errRecord = errors.New("the record cannot be read")

// stored is a record as the stream has it.
type stored struct {
	record      store.Record // Clean is the complete flag
	tombstone   bool
	term        uint64
	incarnation string
	// outbox are messages of the room's changes that need not be in the queue yet, in order.
	outbox []store.Message
}

// appendStored appends the encoding of r, as the record under key, to dst.
func appendStored(dst []byte, key string, r *stored) []byte {
	at := len(dst)
	var flags byte
	if r.record.Clean {
		flags |= flagComplete
	}
	if r.tombstone {
		flags |= flagTombstone
	}
	if len(r.outbox) > 0 {
		flags |= flagOutbox
	}
	dst = append(dst, recordVersion, flags, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, r.term)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.record.ExpiresAtMs))
	dst = binary.LittleEndian.AppendUint64(dst, r.record.Creator)
	dst = append(dst, 0, byte(len(r.incarnation)))
	dst = append(dst, r.incarnation...)
	if len(r.outbox) > 0 {
		dst = appendOutbox(dst, r.outbox)
	}
	dst = append(dst, r.record.Snapshot...)
	seal(key, dst[at:])
	return dst
}

// withOutbox returns the encoded record value, which has no outbox, with one.
func withOutbox(key string, value []byte, messages []store.Message) []byte {
	end := recordFixedBytes + int(value[31])
	b := append(make([]byte, 0, len(value)+outboxBytes(messages)), value[:end]...)
	b[1] |= flagOutbox
	b = append(appendOutbox(b, messages), value[end:]...)
	seal(key, b)
	return b
}

// withoutOutbox returns the encoded record value, which this node has made, without its outbox.
func withoutOutbox(key string, value []byte) []byte {
	it, err := decodeStored(key, value)
	if err != nil {
		panic("stream: " + err.Error())
	}
	it.outbox = nil
	return appendStored(nil, key, &it)
}

// seal writes the checksum of an encoded record.
func seal(key string, b []byte) { binary.LittleEndian.PutUint32(b[2:], checksum(key, b)) }

// decodeStored checks b, the record under key. The snapshot that it returns is part of b. The error
// contains store.ErrNewer for a sound record that this reader must not read, and otherwise
// errRecord.
func decodeStored(key string, b []byte) (stored, error) {
	if len(b) < recordFixedBytes || len(b) < recordFixedBytes+int(b[31]) {
		return stored{}, fmt.Errorf("%w: shorter than its header", errRecord)
	}
	version, flags := b[0], b[1]
	switch {
	case version == 0:
		return stored{}, fmt.Errorf("%w: unknown version", errRecord)
	case checksum(key, b) != binary.LittleEndian.Uint32(b[2:]):
		return stored{}, fmt.Errorf("%w: wrong checksum", errRecord)
	case version > recordVersion+1, flags&flagsCritical&^flagOutbox != 0:
		return stored{}, store.ErrNewer
	}
	end := recordFixedBytes + int(b[31])
	snapshot := b[end:]
	var outbox []store.Message
	if flags&flagOutbox != 0 {
		var ok bool
		if outbox, snapshot, ok = decodeOutbox(snapshot); !ok {
			return stored{}, fmt.Errorf("%w: its outbox is damaged", errRecord)
		}
	}
	return stored{
		record: store.Record{
			ExpiresAtMs: int64(binary.LittleEndian.Uint64(b[14:])),
			Creator:     binary.LittleEndian.Uint64(b[22:]),
			Clean:       flags&flagComplete != 0,
			Snapshot:    snapshot,
		},
		tombstone: flags&flagTombstone != 0, term: binary.LittleEndian.Uint64(b[6:]), incarnation: string(b[recordFixedBytes:end]),
		outbox: outbox,
	}, nil
}

// checksum covers the key, so that a record under another room's key is detected.
func checksum(key string, b []byte) uint32 {
	var buf [64]byte
	crc := crc32.Update(0, castagnoli, append(buf[:0], key...))
	crc = crc32.Update(crc, castagnoli, b[:2])
	return crc32.Update(crc, castagnoli, b[6:])
}
