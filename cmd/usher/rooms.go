package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
	"unicode"

	"usher/room"
	"usher/server/store"
	"usher/server/store/bolt"
)

type roomsCmd struct {
	sources
	JSON bool   `name:"json" help:"Write JSON; times are milliseconds since 1970."`
	Data string `default:"./usher-data" placeholder:"FOLDER" help:"Folder that keeps the rooms; also USHER_DATA."`
}

// Help is the text under the summary of usher rooms --help.
func (*roomsCmd) Help() string {
	return "It reads the folder only while no server has it open. A running server lists its rooms at GET /api/v1/rooms and at /admin."
}

// keptRoom is one room of the data folder. The names are those of the wire protocol.
type keptRoom struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	People       int    `json:"people"`
	ControlMode  string `json:"controlMode"`
	CreatedAt    int64  `json:"createdAt"`
	LastActivity int64  `json:"lastActivity"`
	ExpiresAt    int64  `json:"expiresAt"` // 0 means never
}

func (c *roomsCmd) Run(out io.Writer) error {
	rooms, unreadable, err := readRooms(context.Background(), c.Data)
	if err != nil {
		return explainStore(c.Data, err)
	}
	if c.JSON {
		return writeJSON(out, struct {
			Rooms      []keptRoom `json:"rooms"`
			Unreadable int        `json:"unreadable"`
		}{rooms, unreadable})
	}
	writeRooms(out, rooms, time.Now(), styleFor(out))
	if unreadable > 0 {
		fmt.Fprintf(out, "%d more cannot be read.\n", unreadable)
	}
	return nil
}

func readRooms(ctx context.Context, dir string) (rooms []keptRoom, unreadable int, err error) {
	reader, err := bolt.OpenReadOnly(dir)
	if err != nil {
		return nil, 0, err
	}
	defer reader.Close()
	config := room.DefaultConfig()
	rooms = []keptRoom{}
	err = reader.All(ctx, func(id string, record store.Record) error {
		restored, err := room.Restore(&config, id, record.Snapshot)
		if err != nil {
			unreadable++
			return nil
		}
		state := restored.State()
		rooms = append(rooms, keptRoom{
			ID: id, Name: state.Name, People: len(state.Users), ControlMode: state.ControlMode.String(),
			CreatedAt: state.CreatedAt, LastActivity: state.LastActivity, ExpiresAt: record.ExpiresAtMs,
		})
		return nil
	})
	return rooms, unreadable + reader.Corrupt(), err
}

func explainStore(dir string, err error) error {
	switch {
	case errors.Is(err, store.ErrLocked):
		return &hinted{
			fmt.Errorf("%s is in use by a running server", dir),
			"stop the server first; while it runs, GET /api/v1/rooms and the admin page list its rooms",
		}
	case errors.Is(err, fs.ErrNotExist) && isNode(dir):
		return &hinted{
			fmt.Errorf("%s is the folder of a node of a cluster, whose rooms are in its stream", dir),
			"usher cluster status shows the nodes, and /metrics of each how many rooms it has",
		}
	case errors.Is(err, fs.ErrNotExist):
		return &hinted{
			fmt.Errorf("%s has no rooms.db", dir),
			"--data names the folder; a server creates it when it first starts",
		}
	}
	return explainFolder(dir, "run it as the server's user or as root", err)
}

// explainFolder adds advice to an error of a data folder that cannot be used. The advice is for a
// folder of somebody else.
func explainFolder(dir, advice string, err error) error {
	var failed *fs.PathError
	if !errors.As(err, &failed) || !contains(dir, failed.Path) && !contains(failed.Path, dir) {
		return err
	}
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		return &hinted{fmt.Errorf("%s is not a folder", dir), "--data names the folder that keeps the rooms"}
	case errors.Is(err, fs.ErrPermission):
		return &hinted{err, advice}
	}
	return err
}

// contains reports whether path is dir, or in it.
func contains(dir, path string) bool {
	rest, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rest)
}

// isNode reports whether a data folder is that of a node of a cluster.
func isNode(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "cluster", "identity"))
	return err == nil
}

func writeRooms(out io.Writer, rooms []keptRoom, now time.Time, style style) {
	if len(rooms) == 0 {
		fmt.Fprintln(out, "No rooms.")
		return
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tPEOPLE\tMODE\tCREATED\tLAST ACTIVITY\tENDS")
	for _, r := range rooms {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\n", printable(r.ID), printable(r.Name), r.People, r.ControlMode,
			minute(r.CreatedAt), minute(r.LastActivity), ends(r.ExpiresAt, now))
	}
	w.Flush()
	heading, rows, _ := strings.Cut(table.String(), "\n")
	fmt.Fprintf(out, "%s\n%s", style.bold(heading), rows)
}

func minute(ms int64) string { return time.UnixMilli(ms).Format("2006-01-02 15:04") }

// ends returns the time at which the room ends if nobody comes back.
func ends(ms int64, now time.Time) string {
	switch {
	case ms == 0:
		return "never"
	case ms <= now.UnixMilli():
		return "at the next start"
	}
	return minute(ms)
}

// printable keeps the room names that strangers chose from controlling the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
