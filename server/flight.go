package server

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"usher/flight"
	"usher/server/rooms"
)

const (
	// dumpFolder is the folder of DataDir for what happened in rooms that were given up.
	dumpFolder = "dumps"
	// maxDumps is how many dumps are kept, and maxDumpBytes bounds each.
	maxDumps     = 20
	maxDumpBytes = 4 << 20
	dumpSuffix   = ".jsonl"
)

// dumps writes what happened in rooms that were given up.
type dumps struct {
	folder string
	log    *slog.Logger
	mu     sync.Mutex
}

// openFlights turns the flight recorder on, if it is to be.
func (s *Server) openFlights(config *rooms.Config) {
	c := &s.config
	if c.FlightRecorderBytes == 0 {
		return
	}
	var random [32]byte
	_, _ = rand.Read(random[:]) // it never fails
	config.Flights = flight.NewBudget(c.FlightRecorderBytes, random)
	s.metrics.ShowFlights(config.Flights.Rings, config.Flights.Used)
	if c.DataDir != "" {
		d := &dumps{folder: filepath.Join(c.DataDir, dumpFolder), log: s.log}
		config.GivenUp = func(dump []byte) { go d.write(dump) }
	}
}

// write makes a file of a dump, and removes the oldest ones.
func (d *dumps) write(dump []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(dump) > maxDumpBytes {
		d.log.Error("what happened in a room is too much for a dump", "bytes", len(dump))
		return
	}
	name, err := d.create(dump)
	if err != nil {
		d.log.Error("what happened in a room could not be written", "error", err)
		return
	}
	d.log.Error("what happened in a room that was given up was written; look at it with usher replay", "file", name)
}

func (d *dumps) create(dump []byte) (name string, err error) {
	if err := os.MkdirAll(d.folder, 0o700); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(d.folder)
	if err != nil {
		return "", err
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return !strings.HasSuffix(e.Name(), dumpSuffix) })
	// The order of the names is that of time.
	for ; len(entries) >= maxDumps; entries = entries[1:] {
		if err := os.Remove(filepath.Join(d.folder, entries[0].Name())); err != nil {
			return "", err
		}
	}
	file, err := os.CreateTemp(d.folder, fmt.Sprintf("%s-*%s", time.Now().UTC().Format("20060102T150405.000"), dumpSuffix))
	if err != nil { // its mode is 0600
		return "", err
	}
	if _, err = file.Write(dump); err == nil {
		err = file.Close()
	} else {
		_ = file.Close()
	}
	return file.Name(), err
}
