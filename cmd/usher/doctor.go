package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"usher/doctor"
)

type doctorCmd struct {
	URL      string        `arg:"" name:"url" placeholder:"URL" help:"Address of the server, such as https://usher.example.org or wss://usher.example.org/ws."`
	Origin   string        `placeholder:"ORIGIN" help:"Origin of the pages that connect; that of the URL by default."`
	Token    []string      `placeholder:"JWT" help:"Token for a server with accounts; a second one is for a second person."`
	Ticket   string        `placeholder:"TICKET" help:"Ticket instead of a token; it is for one seat."`
	Invite   string        `placeholder:"INVITE" help:"Invite instead of a token; with --room."`
	Room     string        `placeholder:"ID" help:"Room to join, instead of a new one."`
	Passcode string        `placeholder:"TEXT" help:"Passcode of that room."`
	Idle     time.Duration `default:"10s" placeholder:"10s" help:"How long a connection stays silent, to see whether a proxy closes it; 0s skips this (10s)."`
	Timeout  time.Duration `default:"1m" placeholder:"1m" help:"Deadline of everything else (1m)."`
	CA       string        `name:"ca" placeholder:"FILE" help:"PEM file of the authority to trust instead of the system's."`
	JSON     bool          `name:"json" help:"Write JSON."`
}

// Help is the text under the summary of usher doctor --help.
func (*doctorCmd) Help() string {
	return "It looks at the server as its clients see it: DNS, the certificate, what a proxy does to WebSockets, origins and CORS, the clock, " +
		"every STUN and TURN server by a real binding or allocation, and a room of two, created, resumed and left. Each line is ok, warn or " +
		"fail, what was found, and what to do about it.\n\n" +
		"The exit status is 0 if all is well, 1 if something failed, and 2 if there are only warnings."
}

// The exit statuses of usher doctor beside 0.
const (
	statusFailed = 1
	statusWarned = 2
)

func (c *doctorCmd) Run(out io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, c.Timeout+c.Idle)
	defer cancel()
	plan := doctor.Plan{URL: c.URL, Origin: c.Origin, Tokens: c.Token, Ticket: c.Ticket, Invite: c.Invite, Room: c.Room, Passcode: c.Passcode, Idle: c.Idle}
	if c.CA != "" {
		authorities, err := readAuthorities(c.CA)
		if err != nil {
			return err
		}
		plan.Authorities = authorities
	}
	watcher, clear := c.watch(out)
	report, err := doctor.Run(ctx, plan, watcher)
	clear()
	var advised *doctor.Error
	switch {
	case errors.As(err, &advised):
		return &hinted{err, advised.Hint}
	case err != nil:
		return err
	}
	if c.JSON {
		err = writeJSON(out, report)
	} else {
		_, err = fmt.Fprintln(out, summary(report))
	}
	switch {
	case err != nil:
		return err
	case report.Grade == doctor.Fail:
		return exitStatus(statusFailed)
	case report.Grade == doctor.Warn:
		return exitStatus(statusWarned)
	}
	return nil
}

// watch writes each finding as it is made, and on a terminal what is being looked at, which clear
// removes.
func (c *doctorCmd) watch(out io.Writer) (watcher doctor.Watcher, clear func()) {
	style, progress := styleFor(out), styleFor(os.Stderr)
	clear = func() {
		if progress.terminal {
			fmt.Fprint(os.Stderr, "\r\x1b[K")
		}
	}
	return doctor.Watcher{
		Began: func(step string, number, of int) {
			if progress.terminal {
				fmt.Fprintf(os.Stderr, "\r\x1b[K%s", progress.dim(fmt.Sprintf("%d/%d %s …", number, of, step)))
			}
		},
		Found: func(f doctor.Finding) {
			clear()
			if !c.JSON {
				writeFinding(out, f, style)
			}
		},
	}, clear
}

// writeFinding writes one line, and below it the lines for a proxy.
func writeFinding(out io.Writer, f doctor.Finding, style style) {
	grade := style.grade(f.Grade)
	line := fmt.Sprintf("%s  %-17s  %s", grade, f.Check, printable(f.Found))
	if f.Do != "" {
		line += ". Do: " + printable(f.Do)
	}
	fmt.Fprintln(out, line)
	for _, add := range f.Add {
		for i, text := range add.Lines {
			name := add.Program
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(out, "%8s%-8s %s\n", "", name, style.bold(strings.ReplaceAll(text, "\t", "    ")))
		}
	}
}

func (s style) grade(g doctor.Grade) string {
	const green, yellow, red = "32", "33", "1;31"
	color := map[doctor.Grade]string{doctor.OK: green, doctor.Warn: yellow, doctor.Fail: red}[g]
	return s.wrap(color, fmt.Sprintf("%-4s", g))
}

func summary(r *doctor.Report) string {
	count := map[doctor.Grade]int{}
	for _, f := range r.Findings {
		count[f.Grade]++
	}
	return fmt.Sprintf("\n%d ok, %d warn, %d fail in %.1f s", count[doctor.OK], count[doctor.Warn], count[doctor.Fail], r.Seconds)
}

// readAuthorities reads the certificates of a PEM file.
func readAuthorities(path string) (*x509.CertPool, error) {
	text, err := readText(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, &hinted{fmt.Errorf("%s has no certificate", path), "a PEM file begins with -----BEGIN CERTIFICATE-----"}
	}
	return pool, nil
}
