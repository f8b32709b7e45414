package stream

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

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
	// Full: the stream has as many messages as it may. The write is not stored.
	Full
)

// String is for logs and tests.
func (o Outcome) String() string {
	return [...]string{"unknown", "stored", "conflict", "busy", "refused", "full"}[o]
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
	errNoReply  = errors.New("NATS does not answer")
	errNoLeader = errors.New("the stream has no leader")
)

const (
	codeWrongLast   = 10071 // the subject has another last sequence
	codeNotStored   = 10077 // with the reason of the storage
	codeIDInProcess = 10158 // another message with that id is in process
	codeInProcess   = 10164 // another write of the subject is in process

	reasonMaxMessages = "maximum messages exceeded"
)

// ack is JetStream's reply to a write.
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

// resultOf reads the reply of a stream, nil for none.
func resultOf(m *nats.Msg, stream string) Result {
	if m == nil {
		return Result{Outcome: Unknown, Err: errNoReply}
	}
	if m.Header.Get("Status") == "503" {
		return Result{Outcome: Unknown, Err: errNoLeader}
	}
	var a ack
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return Result{Outcome: Unknown, Err: fmt.Errorf("the reply to a write: %w", err)}
	}
	switch e := a.Error; {
	case e == nil && a.Sequence != 0 && a.Stream == stream:
		return Result{Outcome: Stored, Revision: a.Sequence}
	case e == nil:
		return Result{Outcome: Unknown, Err: errors.New("the reply to a write is not the stream's")}
	case e.ErrCode == codeInProcess, e.ErrCode == codeIDInProcess:
		return Result{Outcome: Busy, Err: e}
	case e.ErrCode == codeWrongLast:
		_, number, _ := strings.Cut(e.Description, ": ")
		revision, err := strconv.ParseUint(number, 10, 64)
		if err != nil { // looked up by whoever needs it
			return Result{Outcome: Busy, Err: e}
		}
		return Result{Outcome: Conflict, Revision: revision, Err: e}
	case e.ErrCode == codeNotStored && strings.Contains(e.Description, reasonMaxMessages):
		return Result{Outcome: Full, Err: e}
	case e.Code >= 500: // no leader, no resources, a failing disk: it may pass
		return Result{Outcome: Unknown, Err: e}
	default:
		return Result{Outcome: Refused, Err: e}
	}
}
