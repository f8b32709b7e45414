package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

type upgradeCmd struct {
	sources
	Data    string        `default:"./usher-data" placeholder:"FOLDER" help:"Folder of the server; also USHER_DATA."`
	Timeout time.Duration `default:"30s" placeholder:"30s" help:"How long to wait for the new process (30s)."`
}

// Help is the text under the summary of usher upgrade --help.
func (*upgradeCmd) Help() string {
	return "Replace the program first, by renaming the new one to its name. The server whose folder it is gets SIGUSR2, and the command returns once a new process serves. " +
		"If that fails, the old one goes on, and the exit status is 1. On Linux only; run it as the server's user or as root."
}

// upgradeResult is the file of the data folder in which a server writes what has become of an
// upgrade, if somebody has made it to wait for that.
const upgradeResult = "upgrade-result"

// outcome is what it writes: the new process, or why there is none.
type outcome struct {
	PID   int    `json:"pid,omitempty"`
	Error string `json:"error,omitempty"`
}

// write replaces the file, if there is one. The folder is the server's, the file may be another
// user's.
func (o outcome) write(dir string) error {
	path := filepath.Join(dir, upgradeResult)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (c *upgradeCmd) Run(out io.Writer) error {
	if isNode(c.Data) {
		return &hinted{
			fmt.Errorf("%s is the folder of a node of a cluster, which does not hand over its connections", c.Data),
			"usher cluster drain moves its rooms to others; then restart it",
		}
	}
	pid, err := holderOf(filepath.Join(c.Data, "rooms.db"))
	if err != nil {
		return explainUpgrade(c.Data, err)
	}
	if !knowsUpgrades(pid) {
		return &hinted{fmt.Errorf("process %d is a program that cannot hand over its connections", pid), "restart it"}
	}
	path := filepath.Join(c.Data, upgradeResult)
	// This may be root, and the folder another user's, who may have put a link there.
	_ = os.Remove(path)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return explainUpgrade(c.Data, err)
	}
	_ = file.Close()
	defer os.Remove(path)
	if err := askToUpgrade(pid); err != nil {
		return explainUpgrade(c.Data, err)
	}
	for began := time.Now(); time.Since(began) < c.Timeout; time.Sleep(20 * time.Millisecond) {
		var o outcome
		running := isRunning(pid) // looked at first, because it writes the file and may end at once
		text, err := readOwn(path)
		switch {
		case err != nil:
			return err
		case len(text) == 0 && running:
			continue
		case len(text) == 0:
			return &hinted{fmt.Errorf("process %d has ended, and no other has said that it serves", pid), "its log says why"}
		}
		if err := json.Unmarshal(text, &o); err != nil {
			return err
		}
		if o.Error != "" {
			return &hinted{fmt.Errorf("not upgraded: %s", printable(o.Error)), "the server goes on as before; a restart ends its connections"}
		}
		_, err = fmt.Fprintf(out, "Process %d has taken over from %d.\n", o.PID, pid)
		return err
	}
	return &hinted{fmt.Errorf("process %d has not said in time what has become of the upgrade", pid), "--timeout, or its log"}
}

// readOwn reads a small file that is no link.
func readOwn(path string) ([]byte, error) {
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() || info.Size() > 64<<10 {
		return nil, errors.Join(err, fmt.Errorf("%s has been replaced", path))
	}
	return os.ReadFile(path)
}

// errNoServer is returned if no process has a store open.
var errNoServer = errors.New("no server has it open")

func explainUpgrade(dir string, err error) error {
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return &hinted{errors.New("an upgrade that keeps connections exists on Linux only"), "restart the server"}
	case errors.Is(err, fs.ErrPermission):
		return &hinted{fmt.Errorf("%s belongs to another user", dir), "run it as the server's user or as root"}
	case errors.Is(err, errNoServer):
		return &hinted{fmt.Errorf("no running server has %s open", dir), "--data or --config names its folder; another machine or container cannot be reached"}
	}
	return explainStore(dir, err)
}
