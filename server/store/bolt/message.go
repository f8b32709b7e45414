package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"go.etcd.io/bbolt"

	"usher/server/store"
)

var (
	messagesBucket = []byte("messages")
	setAsideBucket = []byte("set-aside")

	errMessage = errors.New("a message is damaged")
)

const (
	messageVersion = 1
	// maxReadMessages bounds one read transaction.
	maxReadMessages = 256
)

// The two buckets have a message by its Seq, 8 bytes, big endian. The value is: version 1, AtMs as
// 8 bytes, little endian; then ID, room id, Failure and Body, each preceded by its length as a
// varint.
func appendMessage(dst []byte, m *store.Queued) []byte {
	dst = append(dst, messageVersion)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(m.AtMs))
	for _, text := range []string{m.ID, m.RoomID, m.Failure} {
		dst = append(binary.AppendUvarint(dst, uint64(len(text))), text...)
	}
	return append(binary.AppendUvarint(dst, uint64(len(m.Body))), m.Body...)
}

func decodeMessage(key, b []byte) (m store.Queued, err error) {
	if len(key) != 8 || len(b) < 9 || b[0] != messageVersion {
		return m, errMessage
	}
	m.Seq, m.AtMs = binary.BigEndian.Uint64(key), int64(binary.LittleEndian.Uint64(b[1:]))
	b = b[9:]
	var parts [4][]byte
	for i := range parts {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return m, errMessage
		}
		parts[i], b = b[size:size+int(n)], b[size+int(n):]
	}
	m.ID, m.RoomID, m.Failure, m.Body = string(parts[0]), string(parts[1]), string(parts[2]), bytes.Clone(parts[3])
	return m, nil
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// SaveWith implements store.Queue.
func (s *Store) SaveWith(id string, r store.Record, messages []store.Message, done func(error)) {
	e := entries.Get().(*entry)
	e.id, e.change, e.messages = id, changeSave, messages
	e.record = appendRecord(e.record[:0], id, r) // outside the lock: it costs a copy and a checksum
	s.enqueue(e, done)
}

// DeleteWith implements store.Queue.
func (s *Store) DeleteWith(id string, messages []store.Message, done func(error)) {
	e := entries.Get().(*entry)
	e.id, e.change, e.messages, e.record = id, changeDelete, messages, e.record[:0]
	s.enqueue(e, done)
}

// queue stores the messages of a change behind all others.
func (sum *summary) queue(tx *bbolt.Tx, e *entry) error {
	for _, m := range e.messages {
		if sum.depth+sum.messages >= sum.maxMessages {
			sum.dropped++
			continue
		}
		if err := putMessage(tx, &store.Queued{Message: m, RoomID: e.id}); err != nil {
			return err
		}
		sum.messages++
	}
	return nil
}

func putMessage(tx *bbolt.Tx, m *store.Queued) error {
	bucket := tx.Bucket(messagesBucket)
	seq, err := bucket.NextSequence()
	if err != nil {
		return err
	}
	return bucket.Put(seqKey(seq), appendMessage(nil, m))
}

// Depth implements store.Queue.
func (s *Store) Depth() int { return int(s.depth.Load()) }

// Dropped implements store.Queue.
func (s *Store) Dropped() uint64 { return s.dropped.Load() }

// Waiting implements store.Queue.
func (s *Store) Waiting(after uint64, n int) ([]store.Queued, error) {
	return s.db.messages(messagesBucket, after, n)
}

// messages reads messages of a bucket. Damaged ones are left out.
func (d *database) messages(bucket []byte, after uint64, n int) (found []store.Queued, err error) {
	for more := true; more && len(found) < n; {
		err := d.view(func(tx *bbolt.Tx) error {
			b := tx.Bucket(bucket)
			if b == nil { // an older program has made the store
				more = false
				return nil
			}
			c := b.Cursor()
			k, v := c.Seek(seqKey(after + 1))
			for range maxReadMessages {
				if k == nil || len(found) == n {
					more = false
					return nil
				}
				if m, err := decodeMessage(k, v); err == nil {
					found = append(found, m)
				}
				if len(k) == 8 {
					after = binary.BigEndian.Uint64(k)
				}
				k, v = c.Next()
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Settle implements store.Queue.
func (s *Store) Settle(sent []uint64, failed []store.Queued) error {
	gone := 0
	err := s.db.update(s.options.MaxBytes, func(tx *bbolt.Tx) error {
		gone = 0
		waiting, aside := tx.Bucket(messagesBucket), tx.Bucket(setAsideBucket)
		for _, m := range failed {
			if waiting.Get(seqKey(m.Seq)) == nil {
				continue
			}
			if err := aside.Put(seqKey(m.Seq), appendMessage(nil, &m)); err != nil {
				return err
			}
			sent = append(slices.Clip(sent), m.Seq)
		}
		for _, seq := range sent {
			if waiting.Get(seqKey(seq)) == nil {
				continue
			}
			gone++
			if err := waiting.Delete(seqKey(seq)); err != nil {
				return err
			}
		}
		return trimSetAside(aside, len(failed))
	})
	if err == nil {
		s.depth.Add(-int64(gone))
	}
	return err
}

// trimSetAside drops the oldest if some were added.
func trimSetAside(aside *bbolt.Bucket, added int) error {
	if added == 0 {
		return nil
	}
	for n := countKeys(aside); n > store.MaxSetAside; n-- {
		oldest, _ := aside.Cursor().First()
		if err := aside.Delete(oldest); err != nil {
			return err
		}
	}
	return nil
}

// SetAside implements store.Queue.
func (s *Store) SetAside() ([]store.Queued, error) {
	return s.db.messages(setAsideBucket, 0, store.MaxSetAside)
}

// Replay implements store.Queue.
func (s *Store) Replay(ids []string) (n int, err error) {
	aside, err := s.SetAside()
	if err != nil {
		return 0, err
	}
	err = s.db.update(s.options.MaxBytes, func(tx *bbolt.Tx) error {
		n = 0
		for _, m := range aside {
			if len(ids) > 0 && !slices.Contains(ids, m.ID) {
				continue
			}
			key := seqKey(m.Seq)
			if tx.Bucket(setAsideBucket).Get(key) == nil {
				continue
			}
			n++
			m.Failure = ""
			if err := errors.Join(tx.Bucket(setAsideBucket).Delete(key), putMessage(tx, &m)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	s.depth.Add(int64(n))
	return n, nil
}
