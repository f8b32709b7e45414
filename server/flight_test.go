package server

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDumpsAreFewAndPrivate(t *testing.T) {
	d := &dumps{folder: filepath.Join(t.TempDir(), dumpFolder), log: slog.New(slog.DiscardHandler)}
	for i := range maxDumps + 5 {
		d.write([]byte(fmt.Sprint(i)))
	}
	d.write(make([]byte, maxDumpBytes+1))
	entries, err := os.ReadDir(d.folder)
	if err != nil || len(entries) != maxDumps {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
}

func TestMetricsShowWhatIsRecorded(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	s.pair("recorded-1")
	s.pair("recorded-2")
	_, body := s.ask("GET", "/metrics")
	if !strings.Contains(body, "\nusher_flight_recorder_rooms 2\n") || strings.Contains(body, "\nusher_flight_recorder_bytes 0\n") ||
		!strings.Contains(body, "\nusher_flight_recorder_bytes ") {
		t.Errorf("/metrics is\n%s", body)
	}
	off := serve(t, func(c *Config) { c.FlightRecorderBytes = 0 })
	if _, body := off.ask("GET", "/metrics"); strings.Contains(body, "usher_flight_recorder") {
		t.Error("it shows a recorder that is off")
	}
}
