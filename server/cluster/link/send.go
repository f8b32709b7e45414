package link

import (
	"bytes"
	"encoding/binary"
)

// item adds an item to the message being made. The caller holds the lock and has opened the link.
func (k *link) item(i *Item, rest []byte) {
	k.fit(itemPrefix + 4 + 2*binary.MaxVarintLen64 + len(i.Bytes) + len(rest))
	k.sending = 0
	k.out = appendItem(k.out, i, rest)
}

// fit sends what is unsent if so many bytes more would make the message too large.
func (k *link) fit(size int) {
	if len(k.out) > k.head && len(k.out)+size > TurnBytes {
		k.flush()
	}
}

// send adds a frame for a connection. A frame that was the last item goes out once, for all that
// get it.
func (k *link) send(s *socket, frame []byte) {
	at := k.sending
	// Only a message of one item may be larger.
	fits := at == k.head || len(k.out) < TurnBytes-binary.MaxVarintLen64
	if at != 0 && fits && k.isSending(s, frame) {
		k.out = appendConn(k.out, at, s.conn)
		return
	}
	k.fit(itemPrefix + 4 + 4 + 2*binary.MaxVarintLen64 + len(frame))
	k.sending = len(k.out)
	k.out = appendSend(k.out, s.shard, s.term, frame, s.conn)
}

// isSending reports whether the last item sends that frame for that shard and term.
func (k *link) isSending(s *socket, frame []byte) bool {
	last, _, ok := nextItem(k.out[k.sending:])
	sent, conns, isSent := last.sent()
	return ok && isSent && last.Shard == s.shard && last.Term == s.term && len(conns) < maxConnsBytes && bytes.Equal(sent, frame)
}

// later notes that out has something for the end of the turn.
func (k *link) later() {
	if !k.unsent.Load() {
		k.unsent.Store(true)
		k.links.unsent.Add(1)
	}
}

// flush sends the message being made. The caller holds the lock.
func (k *link) flush() {
	if len(k.out) == k.head || k.number == 0 {
		k.reset()
		return
	}
	k.sequence++
	k.sent += uint64(len(k.out))
	k.acknowledged = k.handled
	appendHead(k.out[:0], &Head{
		Major: k.major, From: k.self, Link: k.number, Sequence: k.sequence, Peer: k.peer, Handled: k.handled, Dead: k.dead,
	})
	err := k.links.config.Transport.Send(k.to, k.out)
	k.reset()
	switch {
	case err != nil: // the other node would find a message missing
		k.breakLink("sending: "+err.Error(), false)
	case k.sent-k.acked > MaxUnacknowledged:
		k.breakLink("too much is unacknowledged", true)
	}
}

// reset begins a new message.
func (k *link) reset() {
	k.out, k.sending = k.out[:k.head], 0
	if k.unsent.Load() {
		k.unsent.Store(false)
		k.links.unsent.Add(-1)
	}
}

// affords counts so many bytes for a person, and reports whether they have no more than their share
// of what is left.
func (k *link) affords(w *window, size int) bool {
	if k.acked >= w.mark {
		w.mark, w.older, w.fresh = k.sent+1, w.fresh, 0
	}
	w.fresh += uint32(size)
	underWay := k.sent - k.acked + uint64(len(k.out))
	return uint64(w.older)+uint64(w.fresh) <= (MaxUnacknowledged-min(underWay, MaxUnacknowledged))/personShare
}
