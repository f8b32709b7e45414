package stream

import (
	"bytes"
	"encoding/binary"

	"usher/server/store"
)

// messageVersion is the version of a message in the queue.
const messageVersion = 1

// appendMessage appends a message: AtMs as 8 bytes, little endian, then ID and Body, each preceded
// by its length as a varint.
func appendMessage(dst []byte, m *store.Message) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(m.AtMs))
	dst = append(binary.AppendUvarint(dst, uint64(len(m.ID))), m.ID...)
	return append(binary.AppendUvarint(dst, uint64(len(m.Body))), m.Body...)
}

// cutMessage reads what appendMessage wrote, and returns what follows. It copies.
func cutMessage(b []byte) (m store.Message, rest []byte, ok bool) {
	if len(b) < 8 {
		return m, nil, false
	}
	m.AtMs = int64(binary.LittleEndian.Uint64(b))
	id, b, ok := cutText(b[8:])
	if !ok {
		return m, nil, false
	}
	body, rest, ok := cutText(b)
	m.ID, m.Body = string(id), bytes.Clone(body)
	return m, rest, ok
}

func cutText(b []byte) (text, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, false
	}
	end := size + int(n)
	return b[size:end], b[end:], true
}

// messageBytes is at least what appendMessage appends.
func messageBytes(m *store.Message) int {
	return 8 + 2*binary.MaxVarintLen32 + len(m.ID) + len(m.Body)
}

// outboxBytes is at least what appendOutbox appends.
func outboxBytes(messages []store.Message) int {
	n := outboxFixedBytes
	for i := range messages {
		n += messageBytes(&messages[i])
	}
	return n
}

const outboxFixedBytes = 4

// appendOutbox appends the messages, preceded by their length in bytes.
func appendOutbox(dst []byte, messages []store.Message) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	for i := range messages {
		dst = appendMessage(dst, &messages[i])
	}
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-outboxFixedBytes))
	return dst
}

// decodeOutbox reads what appendOutbox wrote, and returns what follows.
func decodeOutbox(b []byte) (messages []store.Message, rest []byte, ok bool) {
	if len(b) < outboxFixedBytes {
		return nil, nil, false
	}
	n := uint64(binary.LittleEndian.Uint32(b))
	b = b[outboxFixedBytes:]
	if n > uint64(len(b)) {
		return nil, nil, false
	}
	rest, b = b[n:], b[:n]
	for len(b) > 0 {
		var m store.Message
		if m, b, ok = cutMessage(b); !ok {
			return nil, nil, false
		}
		messages = append(messages, m)
	}
	return messages, rest, true
}

// appendQueued appends a message of the queue: a version, the message, and why it was set aside.
func appendQueued(dst []byte, m *store.Queued) []byte {
	dst = appendMessage(append(dst, messageVersion), &m.Message)
	return append(dst, m.Failure...)
}

// decodeQueued reads a message of the queue.
func decodeQueued(e *Entry) (m store.Queued, ok bool) {
	if len(e.Value) == 0 || e.Value[0] != messageVersion {
		return m, false
	}
	var failure []byte
	m.Message, failure, ok = cutMessage(e.Value[1:])
	m.Seq, m.Failure = e.Revision, string(failure)
	if ok {
		m.RoomID, ok = idOf(e.Key)
	}
	return m, ok
}
