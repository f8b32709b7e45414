package stream

import (
	"slices"

	"usher/server/store"
)

// What rooms may have to say while it cannot be moved into the queue. A room that has that much
// takes no more; what it would is dropped, and counted. A change is not cut: the end of a full room
// has hundreds of messages, and the last of them matters most.
const (
	maxOutboxMessages = 256
	maxOutboxBytes    = 64 << 10
	maxOutboxesBytes  = 64 << 20 // of all rooms
)

func (o *outbox) end() uint64 { return o.first + uint64(len(o.messages)) }

// keepLocked puts the messages of a change behind those that its room has. The caller holds the
// lock.
func (s *Stream) keepLocked(e *entry, messages []store.Message) {
	if len(messages) == 0 {
		return
	}
	if e.outbox == nil {
		e.outbox = new(outbox)
	}
	o := e.outbox
	if len(o.messages) >= maxOutboxMessages || o.bytes >= maxOutboxBytes || s.moves.bytes >= maxOutboxesBytes {
		s.queue.dropped.Add(uint64(len(messages)))
		return
	}
	for _, m := range messages {
		s.appendLocked(o, m)
	}
}

// inheritLocked gives e the outbox of a record. The caller holds the lock.
func (s *Stream) inheritLocked(e *entry, messages []store.Message) {
	if len(messages) == 0 {
		return
	}
	e.outbox = new(outbox)
	for _, m := range messages {
		s.appendLocked(e.outbox, m)
	}
}

func (s *Stream) appendLocked(o *outbox, m store.Message) {
	o.messages = append(o.messages, m)
	n := messageBytes(&m)
	o.bytes += n
	s.moves.bytes += n
}

// shiftLocked removes the first message.
func (s *Stream) shiftLocked(o *outbox) {
	n := messageBytes(&o.messages[0])
	o.bytes -= n
	s.moves.bytes -= n
	o.messages[0] = store.Message{} // for the garbage collector
	o.messages = o.messages[1:]
	o.first++
}

// cutLocked drops the messages behind the first n.
func (s *Stream) cutLocked(o *outbox, n int) {
	for i := n; i < len(o.messages); i++ {
		size := messageBytes(&o.messages[i])
		o.bytes -= size
		s.moves.bytes -= size
		s.queue.dropped.Add(1)
	}
	clear(o.messages[n:])
	o.messages = o.messages[:n]
}

// fillLocked puts the outbox of a room into its change, which is written next. Messages for which
// NATS's max_payload leaves no space are dropped, except for those of earlier changes: they only
// lose their place in the record. The caller holds the lock.
func (s *Stream) fillLocked(e *entry, c *change) {
	o := e.outbox
	if o == nil {
		return
	}
	left := s.config.Conn.MaxPayload() - slackBytes - outboxFixedBytes - int64(len(c.value))
	fit := 0
	for fit < len(o.messages) {
		if left -= int64(messageBytes(&o.messages[fit])); left < 0 {
			break
		}
		fit++
	}
	s.cutLocked(o, max(fit, int(o.stored-o.first)))
	if c.carries = fit > 0; c.carries {
		value := withOutbox(e.key, c.value, o.messages[:fit])
		s.queuedBytes.Add(int64(len(value) - len(c.value)))
		c.value = value
	}
	o.written = o.end()
}

// keepOutboxOf adds the outbox of a record that c replaces. e lacks the messages of stored changes
// if what was known of the room was forgotten with a write that failed. A record of another term
// was claimed, or nobody has seen its change.
func (s *Stream) keepOutboxOf(found *stored, e *entry, c *change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found.term != e.term.Number || found.incarnation != e.term.Incarnation {
		return
	}
	o := e.outbox
	if o == nil {
		o = new(outbox)
	}
	if o.stored != 0 {
		return // it has all of them, or has moved them
	}
	var all outbox
	for _, m := range found.outbox {
		if !slices.ContainsFunc(o.messages, func(other store.Message) bool { return other.ID == m.ID }) {
			s.appendLocked(&all, m)
		}
	}
	if len(all.messages) == 0 {
		return
	}
	all.messages, all.bytes = append(all.messages, o.messages...), all.bytes+o.bytes
	e.outbox = &all
	bare := withoutOutbox(e.key, c.value)
	s.queuedBytes.Add(int64(len(bare) - len(c.value)))
	c.value = bare
	s.fillLocked(e, c)
}

// writtenLocked notes that the write under way, which is c, is stored. The caller holds the lock.
func (e *entry) writtenLocked(c *change) {
	if o := e.outbox; o != nil {
		o.stored, o.carried = o.written, c.carries
	}
}

// sends reports whether this node has a queue.
func (s *Stream) sends() bool { return s.config.MaxMessages > 0 }
