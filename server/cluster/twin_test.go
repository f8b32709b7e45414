package cluster

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"usher/server/cluster/broker"
	"usher/server/cluster/lease"
	"usher/server/cluster/stream"
)

// written is a lease at a time.
type written struct {
	at     time.Duration
	record lease.Record
}

const never = time.Hour

// A node that was killed may start again before its last renewal, or its eviction, is written.
func TestOnlyAProcessThatRenewsALeaseKeepsAnotherFromStarting(t *testing.T) {
	const ms = time.Millisecond
	renewed := func(at time.Duration) written {
		return written{at, lease.Record{Nonce: 7, Counter: uint64(at/ms) + 1, Address: "node-a.test:80"}}
	}
	evicted := func(at time.Duration) written {
		return written{at, lease.Record{Nonce: 7, Counter: uint64(at/ms) + 1, Evicted: true}}
	}
	const second = time.Second
	for _, c := range []struct {
		name   string
		leases []written
		// nobody answers from that time on for two seconds
		silence time.Duration
		isUp    bool
	}{
		{"nobody renews it", []written{renewed(0)}, never, false},
		{"evicted before", []written{evicted(0)}, never, false},
		{"evicted meanwhile", []written{renewed(0), evicted(700 * ms)}, never, false},
		{"the last renewal comes late", []written{renewed(0), renewed(300 * ms)}, never, false},
		{"the last renewal and then the eviction", []written{renewed(0), renewed(300 * ms), evicted(900 * ms)}, never, false},
		{"renewed every 500 ms", []written{renewed(0), renewed(500 * ms), renewed(1000 * ms)}, never, true},
		{"renewed every second", []written{renewed(0), renewed(1 * second), renewed(2 * second)}, never, true},
		{"renewed while nobody answers", []written{renewed(0), renewed(1 * second), renewed(2 * second), renewed(3 * second)}, 50 * ms, true},
		{"nobody renews it while nobody answers", []written{renewed(0)}, 50 * ms, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				look := func() (stream.Entry, error) {
					if silent := time.Since(began) - c.silence; silent >= 0 && silent < 2*second {
						return stream.Entry{}, errors.New("silence")
					}
					var now stream.Entry
					for i, w := range c.leases {
						if w.at <= time.Since(began) {
							now = stream.Entry{Revision: uint64(i + 1), Value: w.record.Append(nil, "a")}
						}
					}
					return now, nil
				}
				first, _ := look()
				err := checkAlone(t.Context(), "a", first, look)
				refused := (*broker.Error)(nil)
				if errors.As(err, &refused) != c.isUp || err != nil && !c.isUp {
					t.Errorf("the error is %v", err)
				}
			})
		})
	}
}
