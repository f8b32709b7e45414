// Traces prints every transcript of room/testdata as JSON, a list of
// roomtest.Trace, for the tests of a shell that is not written in Go.
//
//	go run ./room/roomtest/traces >traces.json
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"usher/room/roomtest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		fmt.Fprintln(os.Stderr, "hint: run it at the top of the repository")
		os.Exit(1)
	}
}

func run() error {
	paths, err := filepath.Glob("room/testdata/*.txt")
	if err != nil || len(paths) == 0 {
		return fmt.Errorf("no transcripts in room/testdata")
	}
	var traces []roomtest.Trace
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		trace, err := roomtest.Compile(strings.TrimSuffix(filepath.Base(path), ".txt"), string(text))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		traces = append(traces, trace)
	}
	return json.NewEncoder(os.Stdout).Encode(traces)
}
