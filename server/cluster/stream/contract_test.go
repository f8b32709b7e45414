package stream

import (
	"testing"

	"usher/server/cluster/broker"
	"usher/server/store"
	"usher/server/store/storetest"
)

// successors opens a server's stream again and again, each time as another owner.
func successors(with Config) func(t *testing.T, droppedMs int64) (*Stream, func()) {
	type kept struct {
		broker *broker.Broker
		term   uint64
	}
	servers := make(map[string]*kept) // of the rules, by their tests
	return func(t *testing.T, droppedMs int64) (*Stream, func()) {
		k := servers[t.Name()]
		if k == nil {
			k = &kept{broker: single(t)}
			servers[t.Name()] = k
		}
		k.term++
		with.Term = owner(k.term, droppedMs)
		s := opened(t, k.broker.Conn(), with, defaultTuning)
		return s, func() { s.Flush(); s.Close() }
	}
}

func TestContract(t *testing.T) {
	open := successors(Config{})
	storetest.Test(t, func(t *testing.T, droppedMs int64) (store.Store, func()) { return open(t, droppedMs) })
}

func TestQueueContract(t *testing.T) {
	open := successors(Config{MaxMessages: storetest.MaxMessages})
	storetest.TestQueue(t, func(t *testing.T) (store.Queue, func()) {
		s, end := open(t, 0)
		takeOver(t, s, "room-1", "room-2")
		return s, end
	})
}
