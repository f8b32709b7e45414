package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"usher/server/store"
)

const (
	headerID = "Nats-Msg-Id"
	// eraseAtOnce is how many messages are removed at the same time.
	eraseAtOnce = 64
)

// openQueue creates the streams of messages, or checks them.
func (s *Stream) openQueue(ctx context.Context) error {
	for _, want := range s.queueStreams() {
		found, err := s.create(ctx, want)
		if err != nil {
			return err
		}
		if err := found.Config.check(want); err != nil {
			return err
		}
		if found.Config.MaxMessages != want.MaxMessages {
			if err := s.setMaxMessages(ctx, want); err != nil {
				return fmt.Errorf("changing max_msgs of %s: %w", want.Name, err)
			}
		}
		if want.Name == QueueName {
			s.queue.known.know(found.State.LastSequence)
		}
	}
	return nil
}

// setMaxMessages changes only that of a stream: it is a setting of usher's, and nobody else could
// change it in embedded servers. Messages that are too many stay.
func (s *Stream) setMaxMessages(ctx context.Context, want *settings) error {
	var found struct {
		Config map[string]any `json:"config"`
	}
	if err := s.call(ctx, "STREAM.INFO."+want.Name, struct{}{}, &found); err != nil {
		return err
	}
	found.Config["max_msgs"] = want.MaxMessages
	return s.call(ctx, "STREAM.UPDATE."+want.Name, found.Config, &struct{}{})
}

// publishMessage writes a message; of those with the same id only the first counts. done is called
// once and must not block.
func (s *Stream) publishMessage(stream, subject, id string, value []byte, done func(Result)) {
	m := &nats.Msg{Subject: subject, Data: value, Header: nats.Header{headerID: {id}}}
	s.requests.send(m, s.tuning.replyAfter, func(m *nats.Msg) bool {
		r := resultOf(m, stream)
		if r.Outcome == Stored && stream == QueueName {
			s.queue.known.know(r.Revision)
		}
		done(r)
		return true
	})
}

// putMessage is publishMessage until the outcome is known, or ctx is done.
func (s *Stream) putMessage(ctx context.Context, stream, subject, id string, value []byte) Result {
	for {
		results := make(chan Result, 1)
		s.publishMessage(stream, subject, id, value, func(r Result) { results <- r })
		r := <-results // after replyAfter at the latest
		if r.Outcome == Stored || r.Outcome == Full || r.Outcome == Refused || pause(ctx, s.tuning.unsentAgain) != nil {
			return r
		}
	}
}

// Depth implements store.Queue. While the queue does not answer it is what it was.
func (s *Stream) Depth() int {
	ctx, cancel := context.WithTimeout(s.ctx, s.tuning.replyAfter)
	defer cancel()
	if found, err := s.info(ctx, QueueName, "", 0); err == nil {
		s.queue.depth.Store(int64(found.State.Messages))
	}
	return int(s.queue.depth.Load())
}

// Dropped implements store.Queue, for what this node dropped.
func (s *Stream) Dropped() uint64 { return s.queue.dropped.Load() }

// Waiting implements store.Queue.
func (s *Stream) Waiting(after uint64, n int) ([]store.Queued, error) {
	return s.messages(QueueName, s.queue.known.Load(), after, n)
}

// SetAside implements store.Queue.
func (s *Stream) SetAside() ([]store.Queued, error) {
	return s.messages(AsideName, 0, 0, store.MaxSetAside)
}

// messages reads up to n messages after a sequence, from a server that has all up to known.
// Damaged ones are left out.
func (s *Stream) messages(stream string, known, after uint64, n int) (found []store.Queued, err error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.tuning.callAfter)
	defer cancel()
	for len(found) < n {
		page, err := s.page(ctx, stream, known, after, n-len(found))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", stream, err)
		}
		isLast := len(page) < n-len(found)
		for i := range page {
			if m, ok := decodeQueued(&page[i]); ok {
				found = append(found, m)
			}
			after = page[i].Revision
		}
		if isLast {
			break
		}
	}
	return found, nil
}

// page reads up to n messages after a sequence. Any server may answer, and each has the messages in
// order without gaps, but one that is behind has fewer. If there are fewer than n, and they do not
// come up to what is known, the leader is asked whether there are more: those that are missing may
// have been removed. What is taken for removed is not sent.
func (s *Stream) page(ctx context.Context, stream string, known, after uint64, n int) ([]Entry, error) {
	for {
		page, err := s.pageOnce(ctx, stream, after, n)
		last := after
		if len(page) > 0 {
			last = page[len(page)-1].Revision
		}
		if err == nil && len(page) < n && last < known {
			err = s.nothingAfter(ctx, stream, known, last)
		}
		if err == nil {
			if stream == QueueName && len(page) > 0 {
				s.queue.known.know(last)
			}
			return page, nil
		}
		if waitErr := pause(ctx, s.tuning.readAgain); waitErr != nil {
			return nil, err
		}
	}
}

func (s *Stream) pageOnce(ctx context.Context, stream string, after uint64, n int) ([]Entry, error) {
	body, err := json.Marshal(struct {
		After uint64 `json:"seq"`
		Batch int    `json:"batch"`
	}{after + 1, n})
	if err != nil {
		return nil, err
	}
	type reply struct {
		entries []Entry
		err     error
	}
	replies := make(chan reply, 1)
	s.collect(stream, body, func(entries []Entry, _ nats.Header, err error) { replies <- reply{entries, err} })
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-replies:
		if isMissing(r.err) {
			return nil, nil
		}
		return r.entries, r.err
	}
}

// nothingAfter asks the leader, and returns errBehind if it has a message after a sequence or is
// itself behind.
func (s *Stream) nothingAfter(ctx context.Context, stream string, known, after uint64) error {
	found, err := s.info(ctx, stream, "", 0)
	switch {
	case err != nil:
		return err
	case found.State.LastSequence < known:
		return errBehind
	}
	err = s.call(ctx, "STREAM.MSG.GET."+stream, struct {
		From uint64 `json:"seq"`
		Next string `json:"next_by_subj"`
	}{after + 1, ">"}, &struct{}{})
	if refused := (*apiError)(nil); errors.As(err, &refused) && refused.ErrCode == codeNoMessage {
		return nil
	}
	if err == nil {
		err = errBehind
	}
	return err
}

// Settle implements store.Queue.
func (s *Stream) Settle(sent []uint64, failed []store.Queued) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.tuning.giveUpAfter)
	defer cancel()
	sent = slices.Clip(sent)
	for i := range failed {
		m := &failed[i]
		waiting, err := s.Waiting(m.Seq-1, 1)
		if err != nil {
			return err
		}
		if len(waiting) == 0 || waiting[0].Seq != m.Seq {
			continue
		}
		r := s.putMessage(ctx, AsideName, asidePrefix+suffix(m.RoomID), fmt.Sprint(m.Seq, "-", m.ID), appendQueued(nil, m))
		if r.Outcome != Stored {
			return fmt.Errorf("setting a message aside: %w", r.Err)
		}
		sent = append(sent, m.Seq)
	}
	return s.erase(ctx, QueueName, sent)
}

// erase removes messages. Those that are unknown are ignored.
func (s *Stream) erase(ctx context.Context, stream string, sequences []uint64) error {
	var mu sync.Mutex
	var failed error
	for part := range slices.Chunk(sequences, eraseAtOnce) {
		var all sync.WaitGroup
		for _, sequence := range part {
			all.Go(func() {
				if err := s.eraseOne(ctx, stream, sequence); err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed = fmt.Errorf("removing a message: %w", err)
				}
			})
		}
		if all.Wait(); failed != nil {
			return failed
		}
	}
	return nil
}

func (s *Stream) eraseOne(ctx context.Context, stream string, sequence uint64) error {
	for {
		err := s.call(ctx, "STREAM.MSG.DELETE."+stream, struct {
			Sequence uint64 `json:"seq"`
			NoErase  bool   `json:"no_erase"`
		}{sequence, true}, &struct{}{})
		if err == nil || isUnknownMessage(err) {
			return nil
		}
		if pause(ctx, s.tuning.unsentAgain) != nil {
			return err
		}
	}
}

const (
	codeNoMessage   = 10037
	codeNoSequence  = 10043
	codeNotRemoved  = 10057 // with the reason of the storage
	reasonNoMessage = "no message found"
	reasonEnd       = "stream store EOF"
)

// isUnknownMessage reports the reply to the removal of a message that does not exist.
func isUnknownMessage(err error) bool {
	refused := (*apiError)(nil)
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.ErrCode {
	case codeNoMessage, codeNoSequence:
		return true
	}
	return refused.ErrCode == codeNotRemoved && (strings.Contains(refused.Description, reasonNoMessage) || strings.Contains(refused.Description, reasonEnd))
}

// errQueueFull is the error of a replay for which the queue has no space.
var errQueueFull = errors.New("the queue is full")

// Replay implements store.Queue. What two nodes replay at the same time is queued once.
func (s *Stream) Replay(ids []string) (n int, err error) {
	aside, err := s.SetAside()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.tuning.giveUpAfter)
	defer cancel()
	for i := range aside {
		m := &aside[i]
		if len(ids) > 0 && !slices.Contains(ids, m.ID) {
			continue
		}
		m.Failure = ""
		// The queue may still know the id of the message itself.
		r := s.putMessage(ctx, QueueName, queuePrefix+suffix(m.RoomID), fmt.Sprint("again-", m.Seq, "-", m.ID), appendQueued(nil, m))
		switch {
		case r.Outcome == Full:
			return n, errQueueFull
		case r.Outcome != Stored:
			return n, fmt.Errorf("replaying a message: %w", r.Err)
		}
		n++
		s.tell(r.Revision)
		if err := s.erase(ctx, AsideName, []uint64{m.Seq}); err != nil {
			return n, err
		}
	}
	return n, nil
}

// tell tells the node that sends that the queue has something.
func (s *Stream) tell(sequence uint64) {
	s.requests.post(&nats.Msg{Subject: queuedSubject, Data: strconv.AppendUint(nil, sequence, 10)})
}

// Hear calls wake whenever a node has put something into the queue, until stop is called. wake must
// not block.
func (s *Stream) Hear(wake func()) (stop func(), err error) {
	sub, err := s.config.Conn.Subscribe(queuedSubject, func(m *nats.Msg) {
		if sequence, err := strconv.ParseUint(string(m.Data), 10, 64); err == nil {
			s.queue.known.know(sequence)
		}
		wake()
	})
	if err != nil {
		return func() {}, err
	}
	return func() { _ = sub.Unsubscribe() }, nil
}
