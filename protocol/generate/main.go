// Generate writes what other parts need of the Go packages: the TypeScript package @usher/types
// with its JSON Schema and AsyncAPI document, what the worker's TypeScript needs beside it, and
// docs/protocol.md. The unions and fields come by reflection, comments and constants from the
// source, and what a client must send from the decoder itself.
//
//	go generate ./protocol/generate
//	go run ./protocol/generate -check     names the files that are stale
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

//go:generate go run .

// output is one file, by its path from the root of the repository.
type output struct {
	path string
	text []byte
}

func main() {
	check := flag.Bool("check", false, "write nothing, and name the files that are stale")
	flag.Parse()
	stale, err := run(*check)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	for _, path := range stale {
		fmt.Println(path)
	}
	if *check && len(stale) > 0 {
		fmt.Fprintln(os.Stderr, "error: generated files are stale\nhint: go generate ./protocol/generate")
		os.Exit(1)
	}
}

// run returns the files that had to be written.
func run(check bool) (stale []string, err error) {
	root, err := findRoot()
	if err != nil {
		return nil, err
	}
	m, err := newModel(filepath.Join(root, "protocol"))
	if err != nil {
		return nil, err
	}
	var outputs []output
	for _, write := range []func(*model) ([]output, error){typescript, schema, asyncAPI, verdicts, document, worker} {
		files, err := write(m)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, files...)
	}
	for _, o := range outputs {
		path := filepath.Join(root, o.path)
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, o.text) {
			continue
		}
		stale = append(stale, o.path)
		if check {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, o.text, 0o644); err != nil {
			return nil, err
		}
	}
	return stale, nil
}

// findRoot is the folder of go.mod, at or above the working folder.
func findRoot() (string, error) {
	folder, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		above := filepath.Dir(folder)
		if above == folder {
			err = errors.New("no go.mod here or above")
		}
		folder = above
	}
	return "", err
}
