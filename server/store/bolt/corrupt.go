package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"

	"go.etcd.io/bbolt"

	"usher/server/store"
)

// maxCorrupt bounds the number of records that are set aside, which are for a person to look at.
const maxCorrupt = 1000

// setAside moves the record of id to the bucket "corrupt", unless a sound one has replaced it.
func (sum *summary) setAside(tx *bbolt.Tx, id string) error {
	rooms, corrupt := tx.Bucket(roomsBucket), tx.Bucket(corruptBucket)
	value := rooms.Get([]byte(id))
	if value == nil {
		return nil
	}
	if _, err := decodeRecord(id, value); err == nil || errors.Is(err, store.ErrNewer) {
		return nil
	}
	key := append(binary.BigEndian.AppendUint64(nil, uint64(sum.atMs)), id...)
	if err := corrupt.Put(key, bytes.Clone(value)); err != nil { // value belongs to the mapped file
		return err
	}
	sum.corrupt++
	return rooms.Delete([]byte(id))
}

// trimCorrupt drops the oldest records over maxCorrupt, once a transaction.
func (sum *summary) trimCorrupt(tx *bbolt.Tx) error {
	if sum.corrupt == 0 {
		return nil
	}
	corrupt := tx.Bucket(corruptBucket)
	for n := countKeys(corrupt); n > maxCorrupt; n-- {
		oldest, _ := corrupt.Cursor().First()
		if err := corrupt.Delete(oldest); err != nil {
			return err
		}
		sum.corrupt--
	}
	return nil
}
