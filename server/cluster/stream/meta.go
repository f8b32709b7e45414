package stream

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"usher/server/cluster/broker"
	"usher/server/cluster/lease"
)

// metaFormat is the format of the keys and values of the stream.
const metaFormat = 1

// readMeta reads u.meta, and writes it first if it does not exist.
func (s *Stream) readMeta(ctx context.Context) (meta, error) {
	for {
		var m meta
		r, err := s.readOnce(ctx, nil)
		missing := isMissing(err)
		if err == nil {
			e := r.Entry(metaKey)
			s.known.know(r.UpTo)
			if err := json.Unmarshal(e.Value, &m); err != nil {
				return m, refusal(broker.ErrMeta, metaKey+" cannot be read", "restore it from a backup of the stream")
			}
			return m, m.check()
		}
		if missing {
			err = s.writeMeta(ctx)
		}
		if pause(ctx, s.tuning.createAgain) != nil {
			return m, unreachable(Name, fmt.Errorf("its %s: %w", metaKey, err))
		}
	}
}

// writeMeta creates u.meta. Of several nodes that try, one succeeds, and all read what it wrote.
func (s *Stream) writeMeta(ctx context.Context) error {
	m := meta{Format: metaFormat, Shards: lease.Shards, Secret: make([]byte, 32)}
	_, _ = rand.Read(m.Secret) // never fails
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.putWait(ctx, metaKey, 0, text, 0, s.tuning.replyAfter).Err
}

func (m *meta) check() error {
	switch {
	case m.Format != metaFormat:
		return refusal(broker.ErrMeta, fmt.Sprintf("its format is %d and this usher's %d", m.Format, metaFormat), "use the usher that wrote it, or a newer one, on every node")
	case m.Shards != lease.Shards:
		return refusal(broker.ErrMeta, fmt.Sprintf("it has %d shards and this usher %d", m.Shards, lease.Shards), "use an usher with as many shards, or a stream of its own")
	case len(m.Secret) != 32:
		return refusal(broker.ErrMeta, fmt.Sprintf("its address-hash key has %d bytes", len(m.Secret)), "restore "+metaKey+" from a backup of the stream")
	}
	return nil
}

// isMissing reports the reply to a read that has found nothing.
func isMissing(err error) bool {
	failed := (*apiError)(nil)
	return errors.As(err, &failed) && failed.Code == 404
}
