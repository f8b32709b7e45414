package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"usher/doctor"
	"usher/server"
	"usher/server/servertest"
)

// A server whose list of origins lacks its own page is one that doctor warns of.
func TestDoctorsExitStatusIsTheWorstGrade(t *testing.T) {
	for status, origins := range map[int][]string{0: {"*"}, statusWarned: {"https://a.example"}} {
		config := server.DefaultConfig()
		config.Listen, config.DataDir, config.Log, config.AllowOrigins = "127.0.0.1:0", t.TempDir(), slog.New(slog.DiscardHandler), origins
		config.DrainSpread = 0
		s, err := server.New(config)
		if err != nil {
			t.Fatal(err)
		}
		servertest.Run(t, s)
		var text, structured, stderr bytes.Buffer
		args := []string{"doctor", "ws://" + s.Addr().String() + "/ws", "--idle", "0s"}
		got := run(args, &text, &stderr)
		if again := run(append(args, "--json"), &structured, &stderr); got != status || again != status {
			t.Errorf("exit status %d and %d, want %d:\n%s", got, again, status, &text)
		}
		var report doctor.Report
		if err := json.Unmarshal(structured.Bytes(), &report); err != nil || len(report.Findings) != strings.Count(text.String(), "\n")-2 || stderr.Len() > 0 {
			t.Errorf("%v\n%s\n%s%s", err, &text, &structured, &stderr)
		}
	}
}

func TestAFindingIsOneLineWithTheLinesOfAProxyBelow(t *testing.T) {
	finding := doctor.Finding{Check: "frames", Grade: doctor.Fail, Found: "a\x1bproxy", Do: "less",
		Add: []doctor.Lines{{Program: "Caddy", Lines: []string{"a {", "\tb"}}}}
	var out bytes.Buffer
	writeFinding(&out, finding, style{})
	if want := "fail  frames             a?proxy. Do: less\n        Caddy    a {\n                     b\n"; out.String() != want {
		t.Errorf("got\n%q, want\n%q", &out, want)
	}
	out.Reset()
	writeFinding(&out, finding, style{colored: true})
	if !strings.HasPrefix(out.String(), "\x1b[1;31mfail\x1b[0m  frames") {
		t.Errorf("%q", &out)
	}
}
