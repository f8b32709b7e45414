package bolt

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"usher/server/store"
)

// mappedKiB returns how much of a file this process has mapped to memory.
func mappedKiB(t *testing.T, path string) (n int) {
	t.Helper()
	mappings, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	_, mapping, found := strings.Cut(string(mappings), path+"\n")
	if !found {
		t.Fatalf("%s is not mapped", path)
	}
	_, rss, _ := strings.Cut(mapping, "\nRss:")
	if _, err := fmt.Sscan(rss, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestUnmappedPagesAreReadAgain(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, Options{})
	want := map[string]string{}
	for i := range 1000 {
		id := fmt.Sprint("room-", i)
		want[id] = strings.Repeat(id, 200)
		s.Save(id, text(want[id]), nil)
	}
	s.Flush()
	if got := contents(t, s); !maps.Equal(got, want) {
		t.Fatal("what was saved is not read")
	}
	before := mappedKiB(t, filepath.Join(dir, fileName))
	s.Unmap()
	after := mappedKiB(t, filepath.Join(dir, fileName))
	if before < 1000 || after > before/10 {
		t.Errorf("%d KiB were mapped before, and %d after", before, after)
	}
	if got := contents(t, s); !maps.Equal(got, want) {
		t.Error("the pages are not the same")
	}
}

func TestUnmapDuringSaves(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	const savers, saves = 4, 200
	var saving, unmapping sync.WaitGroup
	done := make(chan struct{})
	unmapping.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				s.Unmap()
			}
		}
	})
	for i := range savers {
		saving.Go(func() {
			id := fmt.Sprint("room-", i)
			for n := range saves {
				r := store.Record{Creator: uint64(n), Snapshot: []byte(strings.Repeat(id, n))}
				if err := trySave(s, id, r); err != nil {
					t.Error(err)
					return
				}
				if got, found, err := s.Load(id); err != nil || !found || got.Creator != r.Creator || string(got.Snapshot) != string(r.Snapshot) {
					t.Errorf("save %d of %s: %v, found %v, %v", n, id, got, found, err)
					return
				}
			}
		})
	}
	saving.Wait()
	close(done)
	unmapping.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.Unmap() // of a closed store does nothing
	if n := len(contents(t, open(t, dir, Options{}))); n != savers {
		t.Errorf("%d of %d rooms are stored", n, savers)
	}
}
