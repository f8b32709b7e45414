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

// A node that was killed may start again before its last renewal, or its eviction, is written.
func TestOnlyAProcessThatRenewsALeaseKeepsAnotherFromStarting(t *testing.T) {
	const ms = time.Millisecond
	renewed := func(at time.Duration) written {
		return written{at, lease.Record{Nonce: 7, Counter: uint64(at/ms) + 1, Address: "node-a.test:80"}}
	}
	evicted := func(at time.Duration) written {
		return written{at, lease.Record{Nonce: 7, Counter: uint64(at/ms) + 1, Evicted: true}}
	}
	for _, c := range []struct {
		name   string
		leases []written
		isUp   bool
	}{
		{"nobody renews it", []written{renewed(0)}, false},
		{"evicted before", []written{evicted(0)}, false},
		{"evicted meanwhile", []written{renewed(0), evicted(700 * ms)}, false},
		{"the last renewal comes late", []written{renewed(0), renewed(300 * ms)}, false},
		{"the last renewal and then the eviction", []written{renewed(0), renewed(300 * ms), evicted(900 * ms)}, false},
		{"renewed every 500 ms", []written{renewed(0), renewed(500 * ms), renewed(1000 * ms)}, true},
		{"renewed every second", []written{renewed(0), renewed(1000 * ms), renewed(2000 * ms)}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				look := func() (stream.Entry, error) {
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
