// Traces prints every transcript of room/testdata as JSON, a list of roomtest.Trace, for the tests
// of a shell that is not written in Go.
//
//	go run ./room/roomtest/traces >traces.json
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"usher/room"
	"usher/room/roomtest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		fmt.Fprintln(os.Stderr, "hint: run it at the top of the repository")
		os.Exit(1)
	}
}

// trace is a Trace with its settings by name, as every shell knows them.
type trace struct {
	roomtest.Trace
	Settings map[string]string `json:"settings"`
}

func settings(config *room.Config) map[string]string {
	values := map[string]string{
		"tokenless-rejoin": config.TokenlessRejoin.String(), "identity-required": strconv.FormatBool(config.IdentityRequired),
	}
	for _, setting := range config.Settings() {
		values[setting.Name] = strconv.FormatInt(setting.Value(), 10)
	}
	return values
}

func run() error {
	paths, err := filepath.Glob("room/testdata/*.txt")
	if err != nil || len(paths) == 0 {
		return fmt.Errorf("no transcripts in room/testdata")
	}
	var traces []trace
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		compiled, err := roomtest.Compile(strings.TrimSuffix(filepath.Base(path), ".txt"), string(text))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		traces = append(traces, trace{compiled, settings(&compiled.Config)})
	}
	return json.NewEncoder(os.Stdout).Encode(traces)
}
