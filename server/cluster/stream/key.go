package stream

import (
	"bytes"
	"context"
	"strings"
	"time"
)

// NodeKey is the key of a node. The id has only letters, digits, "-" and "_": see broker.
func NodeKey(id string) string { return NodePrefix + id }

// NodeID is the id of the node that has that key.
func NodeID(key string) (id string, ok bool) { return strings.CutPrefix(key, NodePrefix) }

// Put writes value under key, NodeKey or TableKey, if the key's revision is the expected one (0: it
// does not exist). NATS removes it after ttl, at least a second, if that is not 0 and it is not
// written again. It is one try; what to do about its Outcome is the caller's. done is called once,
// after 2.5 s at the latest, and must not block.
func (s *Stream) Put(key string, expected uint64, value []byte, ttl time.Duration, done func(Result)) {
	s.publish(key, expected, value, ttl, s.tuning.putAfter, done)
}

// PutWait is Put for a caller that waits. The Outcome is Unknown if ctx is done before the reply.
func (s *Stream) PutWait(ctx context.Context, key string, expected uint64, value []byte) Result {
	return s.putWait(ctx, key, expected, value, 0, s.tuning.putAfter)
}

func (s *Stream) putWait(ctx context.Context, key string, expected uint64, value []byte, ttl, replyAfter time.Duration) Result {
	results := make(chan Result, 1)
	s.publish(key, expected, value, ttl, replyAfter, func(r Result) { results <- r })
	select {
	case <-ctx.Done():
		return Result{Outcome: Unknown, Err: ctx.Err()}
	case r := <-results:
		return r
	}
}

// insist is putWait until the outcome is known, or ctx is done. A conflict with its own value is an
// earlier try, and one with a revision that no server has yet is tried again.
func (s *Stream) insist(ctx context.Context, key string, expected uint64, value []byte, ttl time.Duration) Result {
	for {
		r := s.putWait(ctx, key, expected, value, ttl, s.tuning.replyAfter)
		switch r.Outcome {
		case Conflict:
			e, upTo, err := s.Get(ctx, key)
			if err == nil && e.Revision != 0 && bytes.Equal(e.Value, value) {
				return Result{Outcome: Stored, Revision: e.Revision}
			}
			if err != nil || upTo >= r.Revision {
				return r
			}
		case Stored, Refused:
			return r
		}
		if err := pause(ctx, s.tuning.busyAgain); err != nil {
			return r
		}
	}
}

// Known is the highest sequence of the stream that this node has seen. A read is refused if its
// server has not come as far.
func (s *Stream) Known() uint64 { return s.known.Load() }

// Learn reports a sequence that this node knows by another way, such as a hint.
func (s *Stream) Learn(sequence uint64) { s.known.know(sequence) }

// Forget is for a node that begins again because the stream had lost what it knew: reads of a
// stream that was restored from a backup would all seem to come from behind. Whatever was asked
// before that was found out has ended: it takes longer than any reply may.
func (s *Stream) Forget() {
	s.known.Store(0)
	s.queue.known.Store(0)
}
