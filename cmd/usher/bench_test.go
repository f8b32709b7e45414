package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher/bench"
	"usher/server"
	"usher/server/servertest"
)

// benched runs usher bench for a moment against a server with the defaults.
func benched(t *testing.T, args ...string) string {
	t.Helper()
	config := server.DefaultConfig()
	config.Listen, config.DataDir, config.Log, config.DrainSpread = "127.0.0.1:0", t.TempDir(), slog.New(slog.DiscardHandler), 0
	s, err := server.New(config)
	if err != nil {
		t.Fatal(err)
	}
	servertest.Run(t, s)
	var stdout, stderr bytes.Buffer
	args = append([]string{"bench", "ws://" + s.Addr().String(), "--rooms", "2", "--people", "3", "--join-rate", "200", "--duration", "200ms", "--every", "50ms"}, args...)
	if status := run(args, &stdout, &stderr); status != 0 {
		t.Fatalf("exit status %d:\n%s%s", status, &stdout, &stderr)
	}
	return stdout.String()
}

func TestBenchPrintsATableAndWritesAReport(t *testing.T) {
	page := filepath.Join(t.TempDir(), "report.html")
	out := benched(t, "--report", page)
	for _, want := range []string{"negotiation", "6 of 6 people seated.", " 0 lost, 0 out of order."} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	text, err := os.ReadFile(page)
	if err != nil || !bytes.Contains(text, []byte("<svg")) {
		t.Errorf("the report: %v: %.100s", err, text)
	}
}

func TestBenchWritesJSON(t *testing.T) {
	var result bench.Result
	if err := json.Unmarshal([]byte(benched(t, "--json")), &result); err != nil || result.Seated != 6 || len(result.Series) == 0 {
		t.Errorf("%v: %+v", err, result)
	}
}
