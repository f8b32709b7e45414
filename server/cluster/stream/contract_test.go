package stream

import (
	"testing"

	"usher/server/cluster/broker"
	"usher/server/store"
	"usher/server/store/storetest"
)

func TestContract(t *testing.T) {
	type kept struct {
		broker *broker.Broker
		term   uint64
	}
	servers := make(map[string]*kept) // of the rules, by their tests
	storetest.Test(t, func(t *testing.T, droppedMs int64) (store.Store, func()) {
		k := servers[t.Name()]
		if k == nil {
			k = &kept{broker: single(t)}
			servers[t.Name()] = k
		}
		k.term++ // each process is another owner
		s := opened(t, k.broker.Conn(), Config{Term: owner(k.term, droppedMs)}, defaultTuning)
		return s, func() { s.Flush(); s.Close() }
	})
}
