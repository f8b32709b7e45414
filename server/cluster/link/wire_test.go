package link_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"usher/protocol"
	"usher/server/cluster/link"
	"usher/server/cluster/link/linktest"
	"usher/server/edge"
	"usher/server/servertest"
)

// Three releases, of which each speaks the version before its own too, as long as it has to.
var first, second, third = link.Wire{Min: 1, Max: 1}, link.Wire{Min: 1, Max: 2}, link.Wire{Min: 2, Max: 3}

func TestNodesSendTheHighestVersionThatBothSpeak(t *testing.T) {
	for name, row := range map[string]struct {
		owner, near link.Wire
		// major is what both send, 0 if they have no link.
		major byte
	}{
		"the same":            {second, second, 2},
		"the edge is newer":   {first, second, 1},
		"the owner is newer":  {third, second, 2},
		"the edge by two":     {first, third, 0},
		"the owner by two":    {third, first, 0},
		"a gap between them":  {link.Wire{Min: 1, Max: 1}, link.Wire{Min: 2, Max: 2}, 0},
		"one knows all of it": {link.Wire{Min: 1, Max: 3}, second, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var log servertest.LogBuffer
			sent := map[byte]bool{}
			synctest.Test(t, func(t *testing.T) {
				c := &cluster{term: 1, network: linktest.NewNetwork(func(_, _ link.Incarnation, message []byte) linktest.Fate {
					mu.Lock()
					defer mu.Unlock()
					sent[message[0]] = true
					return linktest.Fate{}
				})}
				defer c.close()
				to := slog.New(slog.NewTextHandler(&log, nil))
				owner := c.startOf(link.Incarnation{ID: "owner", Nonce: 1}, row.owner, to)
				near := c.startOf(link.Incarnation{ID: "near", Nonce: 1}, row.near, to)
				c.owner = owner.self
				owner.Joined(near.self, row.near)
				near.Joined(owner.self, row.owner)
				if row.major == 0 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					if _, refusal := near.Open(ctx, "hall-1", edge.Opening{}, new(client)); refusal != protocol.CodeRoomUnavailable {
						t.Error(refusal)
					}
					return
				}
				ann := near.open(t)
				ann.say("hello")
				synctest.Wait()
				if len(ann.heard) != 1 || ann.heard[0] != "hello" {
					t.Errorf("heard %q", ann.heard)
				}
			})
			if row.major == 0 {
				if len(sent) != 0 || strings.Count(log.String(), "speaks no version of messages") != 2 || !strings.Contains(log.String(), "release by release") {
					t.Errorf("%v was sent; %s", sent, log.String())
				}
			} else if len(sent) != 1 || !sent[row.major] || log.String() != "" {
				t.Errorf("%v was sent; %s", sent, log.String())
			}
		})
	}
}
