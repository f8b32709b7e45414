package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// Reading is what several keys were at one moment.
type Reading struct {
	// Entries are those that exist, in the order of their revisions.
	Entries []Entry
	// UpTo is how far the stream had come: a write that is missing here has a higher sequence.
	UpTo uint64
}

// Entry is the one with that key; its Revision is 0 if the key does not exist.
func (r *Reading) Entry(key string) Entry {
	for _, e := range r.Entries {
		if e.Key == key {
			return e
		}
	}
	return Entry{Key: key}
}

// errBehind is the error of a read from a server that has not caught up.
var errBehind = errors.New("the server that answered is behind what this node knows")

// errPartial is the error of a read whose end did not come.
var errPartial = errors.New("the reply to a read is not whole")

// Read reads keys, which may contain wildcards, at one moment. Any server may answer, so a reply
// is taken only if it is no older than what this node knew when Read was called; else others are
// asked, until ctx is done. At most 1 024 keys may exist.
func (s *Stream) Read(ctx context.Context, keys ...string) (Reading, error) {
	known := s.known.Load()
	for {
		r, err := s.readSince(ctx, known, keys)
		if err == nil {
			return r, nil
		}
		if refusal := (*apiError)(nil); errors.As(err, &refusal) && refusal.Code == tooMany {
			return r, err
		}
		if waitErr := pause(ctx, s.tuning.readAgain); waitErr != nil {
			return r, fmt.Errorf("reading the stream: %w (%w)", err, waitErr)
		}
	}
}

// Get reads one key. Revision is 0 if it does not exist.
func (s *Stream) Get(ctx context.Context, key string) (e Entry, upTo uint64, err error) {
	r, err := s.Read(ctx, key)
	return r.Entry(key), r.UpTo, err
}

// Nodes reads the keys of all nodes and the table, at one moment.
func (s *Stream) Nodes(ctx context.Context) (Reading, error) { return s.Read(ctx, nodeKeys, TableKey) }

// TryNodes is Nodes with one try, for a caller who asks again soon anyway.
func (s *Stream) TryNodes(ctx context.Context) (Reading, error) {
	return s.readSince(ctx, s.known.Load(), []string{nodeKeys, TableKey})
}

const tooMany = 413

// readAtOnce is how many records one read asks for.
const readAtOnce = 128

// readSince asks one server, which must have come as far as what was known.
func (s *Stream) readSince(ctx context.Context, known uint64, keys []string) (Reading, error) {
	r, err := s.readOnce(ctx, keys)
	if err == nil && r.UpTo < min(known, s.known.Load()) { // which Forget lowers
		err = errBehind
	}
	if err == nil {
		s.known.know(r.UpTo)
	}
	return r, err
}

// readOnce asks one server.
func (s *Stream) readOnce(ctx context.Context, keys []string) (Reading, error) {
	type reply struct {
		reading Reading
		err     error
	}
	replies := make(chan reply, 1)
	s.read(keys, func(r Reading, err error) { replies <- reply{r, err} })
	select {
	case <-ctx.Done():
		return Reading{}, ctx.Err()
	case r := <-replies:
		return r.reading, r.err
	}
}

// read asks one server; done is called once and must not block. u.meta is always asked for as well:
// JetStream says how far it is only if something was found.
func (s *Stream) read(keys []string, done func(Reading, error)) {
	body, err := json.Marshal(struct {
		MultiLast []string `json:"multi_last"`
	}{append([]string{metaKey}, keys...)})
	if err != nil {
		done(Reading{}, err)
		return
	}
	s.collect(Name, body, func(entries []Entry, end nats.Header, err error) {
		if err != nil {
			done(Reading{}, err)
			return
		}
		upTo, err := strconv.ParseUint(end.Get("Nats-UpTo-Sequence"), 10, 64)
		if err != nil || end.Get("Nats-Num-Pending") != "0" {
			done(Reading{}, errPartial)
			return
		}
		done(Reading{entries, upTo}, nil)
	})
}

// collect asks one server for messages of a stream; done is called once, with them and the header
// of what ended them, and must not block.
func (s *Stream) collect(stream string, request []byte, done func(entries []Entry, end nats.Header, err error)) {
	var entries []Entry
	// last is the sequence of the message before, by which each message and the end show that none
	// is missing: NATS may drop some, and a room that is missing must not be taken for none.
	last, whole := "0", true
	s.requests.send(&nats.Msg{Subject: "$JS.API.DIRECT.GET." + stream, Data: request}, s.tuning.readAfter, func(m *nats.Msg) bool {
		if m == nil {
			done(nil, nil, errNoReply)
			return true
		}
		whole = whole && m.Header.Get("Nats-Last-Sequence") == last
		switch status := m.Header.Get("Status"); {
		case status == "":
			last = m.Header.Get("Nats-Sequence")
			revision, err := strconv.ParseUint(last, 10, 64)
			if err == nil {
				entries = append(entries, Entry{m.Header.Get("Nats-Subject"), m.Data, revision})
			}
			return false
		case status != "204": // not the end
			code, _ := strconv.Atoi(status) // 0 is no code
			done(nil, nil, &apiError{Code: code, ErrCode: code, Description: "reading: " + m.Header.Get("Description")})
		case !whole:
			done(nil, nil, errPartial)
		default:
			done(entries, m.Header, nil)
		}
		return true
	})
}

// call asks the JetStream API, whose reply goes into result.
func (s *Stream) call(ctx context.Context, subject string, body, result any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	replies := make(chan *nats.Msg, 1)
	s.requests.send(&nats.Msg{Subject: "$JS.API." + subject, Data: data}, s.tuning.callAfter, func(m *nats.Msg) bool {
		replies <- m
		return true
	})
	var m *nats.Msg
	select {
	case <-ctx.Done():
		return ctx.Err()
	case m = <-replies:
	}
	switch {
	case m == nil:
		return errNoReply
	case m.Header.Get("Status") == "503":
		return errNoLeader
	}
	var failed struct {
		Error *apiError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &failed); err != nil {
		return fmt.Errorf("the reply of JetStream: %w", err)
	}
	if failed.Error != nil {
		return failed.Error
	}
	return json.Unmarshal(m.Data, result)
}

// pause waits; it returns the error of ctx if that is done before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
