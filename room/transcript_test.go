package room_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher/room/roomtest"
)

var rewrite = flag.Bool("rewrite", false, "write the effects that the transcripts had into testdata")

// TestTranscripts replays every transcript of testdata; each is named after the rule it shows.
func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := roomtest.Rewrite(string(want))
			if err != nil {
				t.Fatal(err)
			}
			if *rewrite {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("effects differ; see `go test ./room -rewrite` and git diff. Got:\n%s", got)
			}
			if got, err = roomtest.RewriteEvicting(string(want)); err != nil {
				t.Fatal("with an eviction after every step: ", err)
			}
			if got != string(want) {
				t.Errorf("effects differ with an eviction after every step. Got:\n%s", got)
			}
		})
	}
}
