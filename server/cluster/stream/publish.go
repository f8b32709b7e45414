package stream

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Outcome is what became of one conditional write.
type Outcome uint8

const (
	// Unknown: there was no reply. The write may be stored now, later or never.
	Unknown Outcome = iota
	// Stored: it is durable on a quorum.
	Stored
	// Conflict: the key has another revision than expected. The write is not stored.
	Conflict
	// Busy: another write of the key is under way, or this node's own last one is not applied yet.
	// The write is not stored.
	Busy
	// Refused: NATS will never store this write.
	Refused
)

// String is for logs and tests.
func (o Outcome) String() string {
	return [...]string{"unknown", "stored", "conflict", "busy", "refused"}[o]
}

// Result is the reply to a conditional write.
type Result struct {
	// Outcome is what became of it.
	Outcome Outcome
	// Revision is the key's: the new one if Stored, the one that was found if Conflict (0: the key
	// does not exist).
	Revision uint64
	// Err is why it is Unknown or Refused.
	Err error
}

var (
	errNoAnswer = errors.New("NATS does not answer")
	errNoLeader = errors.New("the stream has no leader")
)

const (
	headerExpected = "Nats-Expected-Last-Subject-Sequence"
	headerTTL      = "Nats-TTL"

	codeWrongLast = 10071 // the subject has another last sequence
	codeInProcess = 10164 // another write of the subject is in process
)

// unconditional is expected of a write that overwrites whatever it finds.
const unconditional = ^uint64(0)

// publish writes value under key if the key's revision is the expected one, 0 for a key that does
// not exist. NATS removes it after ttl if that is not 0. done is called once and must not block.
func (s *Stream) publish(key string, expected uint64, value []byte, ttl time.Duration, done func(Result)) {
	m := &nats.Msg{Subject: key, Data: value, Header: nats.Header{}}
	if expected != unconditional {
		m.Header[headerExpected] = []string{strconv.FormatUint(expected, 10)}
	}
	if ttl != 0 {
		m.Header[headerTTL] = []string{strconv.FormatInt(int64(max(1, ttl/time.Second)), 10)}
	}
	s.requests.send(m, s.tuning.answerAfter, func(m *nats.Msg) bool {
		result := s.result(m)
		if result.Outcome == Stored { // a deposed leader may name one that is never stored
			s.know(result.Revision)
			s.health.acked()
		}
		done(result)
		return true
	})
}

// ack is JetStream's answer to a write.
type ack struct {
	Stream   string    `json:"stream"`
	Sequence uint64    `json:"seq"`
	Error    *apiError `json:"error"`
}

type apiError struct {
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%s (%d)", e.Description, e.ErrCode) }

func (s *Stream) result(m *nats.Msg) Result {
	if m == nil {
		return Result{Outcome: Unknown, Err: errNoAnswer}
	}
	if m.Header.Get("Status") == "503" {
		return Result{Outcome: Unknown, Err: errNoLeader}
	}
	var a ack
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return Result{Outcome: Unknown, Err: fmt.Errorf("the reply to a write: %w", err)}
	}
	switch e := a.Error; {
	case e == nil && a.Sequence != 0 && a.Stream == Name:
		return Result{Outcome: Stored, Revision: a.Sequence}
	case e == nil:
		return Result{Outcome: Unknown, Err: errors.New("the reply to a write is not the stream's")}
	case e.ErrCode == codeInProcess:
		return Result{Outcome: Busy, Err: e}
	case e.ErrCode == codeWrongLast:
		_, number, _ := strings.Cut(e.Description, ": ")
		revision, err := strconv.ParseUint(number, 10, 64)
		if err != nil { // looked up by whoever needs it
			return Result{Outcome: Busy, Err: e}
		}
		return Result{Outcome: Conflict, Revision: revision, Err: e}
	case e.Code >= 500: // no leader, no resources, a failing disk: it may pass
		return Result{Outcome: Unknown, Err: e}
	default:
		return Result{Outcome: Refused, Err: e}
	}
}

// know remembers that the stream has come at least that far.
func (s *Stream) know(sequence uint64) {
	for {
		known := s.known.Load()
		if sequence <= known || s.known.CompareAndSwap(known, sequence) {
			return
		}
	}
}
