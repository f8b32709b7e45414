package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"usher/flight"
)

type replayCmd struct {
	File string `arg:"" help:"What the flight recorder has written; - is stdin."`
	SVG  string `name:"svg" placeholder:"FILE" help:"Draw what happened as a sequence diagram."`
	JSON bool   `name:"json" help:"Write JSON."`
}

// Help is the text under the summary of usher replay --help.
func (*replayCmd) Help() string {
	return "It steps a room as the server did, and compares what it does. The status is 2 if that is something else.\nA recording has placeholders for all ids, names, tokens, addresses and texts."
}

func (c *replayCmd) Run(out io.Writer) error {
	recording, err := readRecording(c.File)
	if err != nil {
		return &hinted{err, "recordings are in the folder dumps of the data folder, and at GET /api/v1/rooms/ROOM/recording"}
	}
	list, err := flight.Replay(recording)
	if err != nil {
		return err
	}
	if c.SVG != "" {
		if err := os.WriteFile(c.SVG, flight.SVG(&recording.Header, list), 0o644); err != nil {
			return err
		}
	}
	difference := flight.Difference(list)
	if c.JSON {
		err = writeJSON(out, replayReport{
			recording.Header.Version, buildVersion().Version, recording.Header.Cause, recording.Header.AtMs, difference < 0, list,
		})
	} else {
		writeReplay(out, recording, list, styleFor(out))
	}
	if err == nil && difference >= 0 {
		return exitStatus(2)
	}
	return err
}

// replayReport is what --json writes. The times are milliseconds since 1970.
type replayReport struct {
	Version     string            `json:"version"`
	ReplayedBy  string            `json:"replayedBy"`
	Cause       string            `json:"cause"`
	AtMs        int64             `json:"atMs"`
	SameEffects bool              `json:"sameEffects"`
	Events      []flight.Replayed `json:"events"`
}

func readRecording(path string) (*flight.Recording, error) {
	file := os.Stdin
	if path != "-" {
		var err error
		if file, err = os.Open(path); err != nil {
			return nil, err
		}
		defer file.Close()
	}
	recording, err := flight.Read(file)
	if err == nil && len(recording.Entries) == 0 {
		err = errors.New("nothing was recorded")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "flight: "))
	}
	return recording, nil
}

func writeReplay(out io.Writer, recording *flight.Recording, list []flight.Replayed, style style) {
	h := &recording.Header
	fmt.Fprintf(out, "%s of a room, dumped by usher %s (%s)\n", counted(len(list), "event", "events"), printable(h.Version), printable(h.Cause))
	if own := buildVersion().Version; h.Version != own {
		fmt.Fprintf(out, "This is usher %s: a difference may be a change between the two.\n", own)
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TIME\tCONN\tEVENT\tSIZE\tTHE ROOM")
	var startMs int64
	if len(list) > 0 {
		startMs = list[0].AtMs
	}
	for i := range list {
		e := &list[i]
		did := flight.Describe(e.Effects)
		if e.Panicked {
			did = "panicked"
		}
		if given := e.Refusals(); given != "" {
			did = "(" + given + ") " + did
		}
		fmt.Fprintf(w, "%+.3f\t%s\t%s\t%s\t%s\n", float64(e.AtMs-startMs)/1000, number(int64(e.Conn)), printable(e.What()), number(int64(e.Size)), printable(did))
		if e.Differs {
			now := flight.Describe(e.Now)
			if e.PanicsNow {
				now = "panics: " + e.Panic
			}
			fmt.Fprintf(w, "\t\t\t\tNOW: %s\n", printable(now))
		}
	}
	w.Flush()
	heading, rows, _ := strings.Cut(table.String(), "\n")
	fmt.Fprintf(out, "%s\n%s", style.bold(heading), rows)
	switch i := flight.Difference(list); {
	case i >= 0:
		fmt.Fprintf(out, "The effects differ, first at event %d.\n", i+1)
	default:
		fmt.Fprintln(out, "The same effects.")
	}
}

// number is a number, "" for 0.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
