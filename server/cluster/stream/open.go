package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"usher/server/cluster/broker"
	"usher/server/store"
)

// Open creates the stream or checks it, and returns once a quorum answers, or the reason why none
// did when ctx is done. The errors that a person can mend are *broker.Error.
func Open(ctx context.Context, config Config) (*Stream, error) {
	return open(ctx, config, defaultTuning)
}

func open(ctx context.Context, config Config, t tuning) (*Stream, error) {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	if config.OnHealth == nil {
		config.OnHealth = func(error) {}
	}
	if config.Valid == nil {
		config.Valid = func(int) bool { return true }
	}
	r, err := newRequests(config.Conn)
	if err != nil {
		return nil, fmt.Errorf("opening the stream: %w", err)
	}
	s := &Stream{config: config, log: config.Log, tuning: t, requests: r, rooms: make(map[string]*entry)}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.health.wake = make(chan struct{}, 1)
	if err := s.begin(ctx); err != nil {
		s.end()
		r.close()
		return nil, err
	}
	s.background.Go(s.watch)
	if s.sends() {
		s.background.Go(s.watchQuiet)
	}
	return s, nil
}

func (s *Stream) begin(ctx context.Context) error {
	want := wanted(s.config.Replicas)
	found, err := s.create(ctx, want)
	if err != nil {
		return err
	}
	if err := found.Config.check(want); err != nil {
		return err
	}
	s.known.know(found.State.LastSequence)
	if s.meta, err = s.readMeta(ctx); err != nil || !s.sends() {
		return err
	}
	return s.openQueue(ctx)
}

// Check looks again whether the stream can hold rooms: its settings, on how many servers it is, and
// u.meta; and the same of the streams of messages. A node calls it at its start and once a minute,
// beside broker's. It returns a *broker.Error for what a person must mend, and another error if
// NATS does not answer.
func (s *Stream) Check(ctx context.Context) error {
	all := []*settings{wanted(s.config.Replicas)}
	if s.sends() {
		all = append(all, s.queueStreams()...)
	}
	for _, want := range all {
		if err := s.checkStream(ctx, want); err != nil {
			return err
		}
	}
	r, err := s.Read(ctx)
	if err != nil {
		return err
	}
	if len(r.Entry(metaKey).Value) == 0 {
		return refusal(broker.ErrMeta, metaKey+" is gone", "restore it from a backup of the stream")
	}
	return nil
}

func (s *Stream) checkStream(ctx context.Context, want *settings) error {
	found, err := s.info(ctx, want.Name, "", 0)
	if refused := (*apiError)(nil); errors.As(err, &refused) && refused.ErrCode == codeNoStream {
		return refusal(broker.ErrSettings, "the stream "+want.Name+" has been removed", "restore it from a backup (nats stream restore), or restart every node to begin with none")
	}
	if err != nil {
		return fmt.Errorf("checking the stream: %w", err)
	}
	if err := found.Config.check(want); err != nil {
		return err
	}
	if got := found.copies(); got != want.Replicas {
		return refusal(broker.ErrSettings, fmt.Sprintf("%s has %d of %d copies", want.Name, got, want.Replicas), fmt.Sprintf("NATS needs %d servers for it: nats stream info %s", want.Replicas, want.Name))
	}
	return nil
}

// Secret returns the key for hashing network addresses, which all nodes share.
func (s *Stream) Secret() [32]byte { return [32]byte(s.meta.Secret) }

// Stats returns the current figures.
func (s *Stream) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.Queued, stats.QueuedBytes = s.health.writing(), s.queuedBytes.Load()
	stats.OutboxBytes = s.moves.bytes
	return stats
}

// Close ends it. Writes that are under way fail with store.ErrClosed: Flush first. The connection
// stays open. It may be called again.
func (s *Stream) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	left := make([]*entry, 0, len(s.rooms))
	for _, e := range s.rooms {
		if e.writing != nil {
			left = append(left, e)
		}
	}
	s.mu.Unlock()
	s.end()
	s.requests.close()
	for _, e := range left {
		s.settle(e, store.ErrClosed)
	}
	s.background.Wait()
}
