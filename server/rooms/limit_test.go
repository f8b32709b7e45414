package rooms

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

func TestLimiter(t *testing.T) {
	var log bytes.Buffer
	l := newLimiter(2, slog.New(slog.NewTextHandler(&log, nil)))
	for range 5 {
		if !l.acquire(0) {
			t.Fatal("key 0 is counted")
		}
		l.release(0)
	}
	for _, key := range []uint64{7, 7, 7 + limiterShards} {
		if !l.acquire(key) {
			t.Fatal("the bound is less than 2 for each key")
		}
	}
	if l.acquire(7) {
		t.Fatal("the bound is more than 2")
	}
	l.restore(7) // past the bound
	l.release(7)
	if l.acquire(7) {
		t.Fatal("restored ones do not count")
	}
	l.release(7)
	if !l.acquire(7) {
		t.Fatal("a released place stays taken")
	}
	l.release(7)
	l.release(7)
	l.release(7 + limiterShards)
	for i := range l.shards {
		if l.shards[i].counts != nil {
			t.Error("an empty shard keeps its map")
		}
	}
	l.release(7)
	if !strings.Contains(log.String(), "level=ERROR") {
		t.Error("more is released than was acquired, and the log does not say so")
	}
	for i, want := range []bool{true, true, false} {
		if l.acquire(7) != want {
			t.Errorf("acquiring for the %d. time gives %v afterwards", i+1, !want)
		}
	}
}

func TestLimiterWithoutBoundCounts(t *testing.T) {
	l := newLimiter(0, slog.Default())
	for range 1000 {
		if !l.acquire(7) {
			t.Fatal("refused")
		}
	}
}

func TestLimiterFromManyGoroutines(t *testing.T) {
	l := newLimiter(3, slog.Default())
	var group sync.WaitGroup
	for key := uint64(1); key <= 40; key++ {
		group.Go(func() {
			for range 200 {
				if l.acquire(key % 8) {
					l.release(key % 8)
				}
			}
		})
	}
	group.Wait()
	for i := range l.shards {
		if l.shards[i].counts != nil {
			t.Error("an empty shard keeps its map")
		}
	}
}
