package stream

import (
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	headerExpected = "Nats-Expected-Last-Subject-Sequence"
	headerTTL      = "Nats-TTL"
)

// unconditional is expected of a write that overwrites whatever it finds.
const unconditional = ^uint64(0)

// slackBytes is more than the headers of a write.
const slackBytes = 1024

// publish writes value under key if the key's revision is the expected one, 0 for a key that does
// not exist. NATS removes it after ttl if that is not 0. done is called once, after replyAfter, or
// while NATS is slow a little later, at the latest; it must not block.
func (s *Stream) publish(key string, expected uint64, value []byte, ttl, replyAfter time.Duration, done func(Result)) {
	m := &nats.Msg{Subject: key, Data: value, Header: nats.Header{}}
	if expected != unconditional {
		m.Header[headerExpected] = []string{strconv.FormatUint(expected, 10)}
	}
	if ttl != 0 {
		m.Header[headerTTL] = []string{strconv.FormatInt(int64(max(1, ttl/time.Second)), 10)}
	}
	s.requests.send(m, replyAfter, func(m *nats.Msg) bool {
		result := resultOf(m, Name)
		if result.Outcome == Stored { // a deposed leader may name one that is never stored
			s.known.know(result.Revision)
			s.health.acked()
		}
		done(result)
		return true
	})
}

// probe writes u.probe after the call, and calls done once with the result. One is under way at a
// time, for all who called before it was sent: a deposed leader may refuse the writes of all rooms.
func (s *Stream) probe(done func(Result)) {
	s.mu.Lock()
	if s.probing {
		s.probes = append(s.probes, done)
		s.mu.Unlock()
		return
	}
	s.probing = true
	s.mu.Unlock()
	s.sendProbe([]func(Result){done})
}

func (s *Stream) sendProbe(calls []func(Result)) {
	s.publish(probeKey, unconditional, nil, time.Minute, s.tuning.replyAfter, func(r Result) {
		for _, done := range calls {
			done(r)
		}
		s.mu.Lock()
		next := s.probes
		s.probes, s.probing = nil, len(next) > 0
		s.mu.Unlock()
		if len(next) > 0 {
			s.sendProbe(next)
		}
	})
}
