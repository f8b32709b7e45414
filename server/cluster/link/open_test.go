package link_test

import (
	"testing"
	"testing/synctest"
	"time"

	"usher/protocol"
	"usher/server/cluster/link"
	"usher/server/edge"
)

// A room that moves while somebody waits for it lets them in at once, wherever it is then.
func TestOpenWaitsForTheNextOwner(t *testing.T) {
	for name, row := range map[string]struct {
		before func(c *cluster)
		// here: the next owner is the edge itself.
		here bool
	}{
		"after none":                 {before: func(c *cluster) { c.owner = link.Incarnation{} }},
		"after one that is dead":     {before: func(c *cluster) { c.owner = link.Incarnation{ID: "dead", Nonce: 1} }},
		"after one that moved it":    {before: func(c *cluster) { c.nodes[0].thinks = &link.Place{Shard: 3, Term: 2} }},
		"and is the next one itself": {before: func(c *cluster) { c.owner = link.Incarnation{} }, here: true},
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 2, nil, func(t *testing.T, c *cluster) {
				row.before(c)
				next := c.nodes[0]
				if row.here {
					next = c.nodes[1]
				}
				const death = 3 * time.Second
				time.AfterFunc(death, func() {
					for _, n := range c.nodes {
						n.Moved([]link.Move{{Shard: 3, Term: 2}})
					}
					c.mu.Lock()
					c.owner, c.term, c.nodes[0].thinks = next.self, 2, nil
					c.mu.Unlock()
					for _, n := range c.nodes {
						n.Placed()
					}
				})
				began := time.Now()
				c.nodes[1].open(t)
				if waited := time.Since(began); waited != death {
					t.Errorf("it waited for %v", waited)
				}
				if n := len(next.hall.inside()); n != 1 {
					t.Errorf("%d are inside", n)
				}
			})
		})
	}
}

// Whoever is one too many is refused at once, and waits again once others do not.
func TestWaitersForAnOwnerAreBounded(t *testing.T) {
	inCluster(t, 2, nil, func(t *testing.T, c *cluster) {
		c.owner = link.Incarnation{}
		near := c.nodes[1]
		refusals := make(chan protocol.Code, link.MaxWaiting)
		open := func() {
			_, refusal := near.Open(t.Context(), "hall-1", edge.Opening{}, new(client))
			refusals <- refusal
		}
		for range link.MaxWaiting {
			go open()
		}
		synctest.Wait()
		began := time.Now()
		open()
		if waited := time.Since(began); waited != 0 || len(refusals) != 1 || <-refusals != protocol.CodeRoomUnavailable {
			t.Errorf("one too many waited for %v, and %d were refused", waited, len(refusals))
		}
		time.Sleep(link.OpenTimeout)
		synctest.Wait()
		if n := len(refusals); n != link.MaxWaiting {
			t.Errorf("%d were refused in the end", n)
		}
		for range link.MaxWaiting {
			<-refusals
		}
		began = time.Now()
		open()
		if waited := time.Since(began); waited != link.OpenTimeout {
			t.Errorf("it waited for %v", waited)
		}
	})
}

// A node that is about to stop lets everybody go at once, whoever comes then too.
func TestWaitersAreLetGo(t *testing.T) {
	for name, before := range map[string]func(c *cluster){
		"who wait for an owner":   func(c *cluster) { c.owner = link.Incarnation{} },
		"who wait for a response": func(c *cluster) { c.nodes[0].hall.wait = make(chan struct{}) },
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 2, nil, func(t *testing.T, c *cluster) {
				before(c)
				near := c.nodes[1]
				refused := make(chan protocol.Code, 2)
				open := func() {
					_, refusal := near.Open(t.Context(), "hall-1", edge.Opening{}, new(client))
					refused <- refusal
				}
				began := time.Now()
				go open()
				synctest.Wait()
				if len(refused) != 0 {
					t.Error("it does not wait")
				}
				near.LetGo()
				open()
				synctest.Wait()
				if waited := time.Since(began); waited != 0 || len(refused) != 2 {
					t.Errorf("%d were let go after %v", len(refused), waited)
				}
				for range 2 {
					if refusal := <-refused; refusal != protocol.CodeRoomUnavailable {
						t.Error(refusal)
					}
				}
				if wait := c.nodes[0].hall.wait; wait != nil {
					close(wait)
				}
				synctest.Wait()
				if s, n := near.Stats(), len(c.nodes[0].hall.inside()); s.Sessions != 0 || n != 0 {
					t.Errorf("%+v, %d are inside", s, n)
				}
			})
		})
	}
}
