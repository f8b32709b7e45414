package main

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"usher/server"
)

// program is how this process was started, to start the program of that name again: by then the
// file may be another version's.
type program struct {
	path, dir string
	args      []string
}

// newProgram is called at the start, before anything changes the working directory.
func newProgram() *program {
	p := &program{args: os.Args}
	p.dir, _ = os.Getwd()
	path, err := exec.LookPath(os.Args[0])
	if err == nil {
		path, err = filepath.Abs(path) // the name as it was given: it may be a link that changes
	}
	if err != nil {
		path, _ = os.Executable()
	}
	p.path = path
	return p
}

// command returns the command to start.
func (p *program) command() *exec.Cmd {
	c := exec.Command(p.path)
	c.Args, c.Dir, c.Stdout, c.Stderr = p.args, p.dir, os.Stdout, os.Stderr
	// The watchdog is of whichever process is the main one.
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "WATCHDOG_PID=") })
	return c
}

// upgrade lets the program of today take over from this process. What has become of it is written
// into the data folder if usher upgrade waits for that.
func (p *program) upgrade(srv *server.Server, data string, passed func(pid int), log *slog.Logger) {
	log.Info("upgrading", "program", p.path)
	tell := func(o outcome) {
		if err := o.write(data); err != nil {
			log.Warn("what has become of the upgrade could not be written", "error", err)
		}
	}
	err := srv.Upgrade(context.Background(), p.command(), func(pid int) {
		passed(pid)
		tell(outcome{PID: pid}) // this process may end at any time after that
	})
	if err != nil {
		log.Error("not upgraded; this server goes on", "error", err)
		tell(outcome{Error: err.Error()})
	}
}
