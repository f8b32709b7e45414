package bolt

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"usher/server/store"
)

// BenchmarkSaveDurable has callers that each wait for their own commit, as rooms do. If there are
// more rooms than callers, the saves fall on pages far apart.
func BenchmarkSaveDurable(b *testing.B) {
	for _, c := range []struct{ callers, rooms int }{{1, 1}, {64, 64}, {512, 512}, {512, 20_000}, {4096, 4096}} {
		b.Run(fmt.Sprintf("callers=%d/rooms=%d", c.callers, c.rooms), func(b *testing.B) {
			s := open(b, b.TempDir(), Options{})
			snapshot := make([]byte, 500)
			fill(b, s, c.rooms, snapshot)
			before := s.Stats()
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for caller := range c.callers {
				wg.Go(func() {
					random := rand.New(rand.NewPCG(1, uint64(caller)))
					committed := make(chan error, 1)
					done := func(err error) { committed <- err }
					for left.Add(-1) >= 0 {
						s.Save(roomID(random.IntN(c.rooms)), store.Record{Snapshot: snapshot}, done)
						if err := <-committed; err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			stats := s.Stats()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "saves/s")
			b.ReportMetric(float64(stats.Saves-before.Saves)/float64(stats.Commits-before.Commits), "saves/commit")
		})
	}
}

func fill(b *testing.B, s *Store, rooms int, snapshot []byte) {
	b.Helper()
	for i := range rooms {
		s.Save(roomID(i), store.Record{Snapshot: snapshot}, nil)
	}
	save(b, s, roomID(0), store.Record{Snapshot: snapshot})
}

func roomID(i int) string { return fmt.Sprintf("room-%d", i) }
