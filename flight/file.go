package flight

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"

	"usher/room"
)

// MaxFileBytes bounds a dump that Read takes.
const MaxFileBytes = 16 << 20

// Recording is a dump that has been read.
type Recording struct {
	Header  Header
	Entries []Entry
}

// ErrEmpty reports that nothing was recorded.
var ErrEmpty = errors.New("flight: nothing was recorded")

// Dump returns what the ring has, with placeholders. It leaves the ring as it is.
func (r *Ring) Dump(h Header, config *room.Config) ([]byte, error) {
	if r == nil || r.newer == nil {
		return nil, ErrEmpty
	}
	start, entries := &r.newer.start, r.newer.entries()
	if r.older != nil {
		start, entries = &r.older.start, append(r.older.entries(), entries...)
	}
	at, err := start.Room(config, h.RoomID)
	if err != nil {
		return nil, fmt.Errorf("flight: the checkpoint: %w", err)
	}
	placeholders := newRedaction(&r.budget.key, at, entries)
	at.Redact(placeholders)
	secrets := start.Attachments
	h.Flight, h.RoomID, h.Config, h.Start = Format, at.ID(), *config, at.Checkpoint()
	h.Start.SavedActivityMs, h.Start.HadTokens = start.SavedActivityMs, start.HadTokens
	for i := range h.Start.Attachments {
		h.Start.Attachments[i].Secret = secrets[i].Secret
	}
	file, err := appendLine(nil, &h)
	for i := 0; i < len(entries) && err == nil; i++ {
		placeholders.entry(&entries[i])
		file, err = appendLine(file, &entries[i])
	}
	return file, err
}

func appendLine(file []byte, line any) ([]byte, error) {
	text, err := json.Marshal(line, byName)
	if err != nil {
		return nil, fmt.Errorf("flight: %w", err)
	}
	return append(append(file, text...), '\n'), nil
}

// Read reads a dump.
func Read(from io.Reader) (*Recording, error) {
	lines := bufio.NewScanner(io.LimitReader(from, MaxFileBytes))
	lines.Buffer(nil, MaxFileBytes)
	rec := new(Recording)
	var wrapped struct {
		Recording string `json:"recording"`
	}
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if rec.Header.Flight == 0 {
			// This is how the HTTP API has it.
			if json.Unmarshal(line, &wrapped) == nil && wrapped.Recording != "" {
				return Read(strings.NewReader(wrapped.Recording))
			}
			if err := json.Unmarshal(line, &rec.Header, byName); err != nil || rec.Header.Flight <= 0 {
				return nil, errors.New("flight: not a recording")
			}
			if !settingsFit(&rec.Header.Config) {
				return nil, errors.New("flight: the recording's settings are none that a server takes")
			}
			if rec.Header.Flight > Format {
				return nil, fmt.Errorf("flight: format %d, and this usher reads up to %d", rec.Header.Flight, Format)
			}
			continue
		}
		var e Entry
		if err := json.Unmarshal(line, &e, byName); err != nil {
			return nil, fmt.Errorf("flight: line %d is broken", n)
		}
		if fault := e.fault(); fault != "" {
			return nil, fmt.Errorf("flight: line %d: %s", n, fault)
		}
		rec.Entries = append(rec.Entries, e)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("flight: %w", err)
	}
	if rec.Header.Flight == 0 {
		return nil, errors.New("flight: not a recording")
	}
	return rec, nil
}

// settingsFit reports whether a server would take the limits: the core relies on that.
func settingsFit(c *room.Config) bool {
	for _, s := range c.Settings() {
		if !s.Valid() {
			return false
		}
	}
	return c.TokenlessRejoin <= room.RejoinNever && fits(c.PingTimeoutMs) && fits(c.ICERenewMs)
}

// fits reports whether a time is one that a clock may show, or a duration between two of them.
func fits(ms int64) bool { return ms >= 0 && ms < 1<<48 }

// fault is what is missing for the event, "" for nothing: a file may be made by hand.
func (e *Entry) fault() string {
	kind := kindOf(e.Kind)
	needsMessage := e.Kind == relayed || kind == room.Received && e.Refused == nil || kind == room.Hashed ||
		kind == room.Verified && e.Verdict != nil && e.Verdict.Number != 0
	switch {
	case kind == 0 && e.Kind != relayed:
		return "an unknown kind of event"
	case !fits(e.AtMs) || !fits(e.EventMs):
		return "a time that cannot be"
	case e.Size < 0 || e.Size > MaxFileBytes:
		return "a frame of that size cannot be"
	case needsMessage && (e.Message == nil || typeNamed(e.Message.Type) == 0):
		return "a message of unknown type"
	case e.Kind == relayed && (len(e.Effects) != 1 || len(e.Effects[0].To) != 1):
		return "a relay without a receiver"
	case kind == room.Verified && (e.Verdict == nil || e.Verdict.Identity == nil && e.Verdict.Refusal == ""),
		kind == room.Arranged && e.Arrangement == nil, kind == room.Hashed && e.Hash == nil,
		kind == room.Operated && e.Act == nil:
		return "what the event is about is missing"
	}
	return ""
}
