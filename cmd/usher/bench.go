package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"usher/bench"
)

type benchCmd struct {
	URL        string        `arg:"" name:"url" placeholder:"URL" help:"WebSocket address of the server, such as wss://usher.example.org/ws."`
	Rooms      int           `default:"25" placeholder:"N" help:"Rooms (25)."`
	People     int           `default:"4" placeholder:"N" help:"People in each room (4)."`
	JoinRate   float64       `default:"50" placeholder:"N" help:"People who join a second (50)."`
	Duration   time.Duration `default:"10s" placeholder:"10s" help:"How long people negotiate once all have joined (10s)."`
	Every      time.Duration `default:"1s" placeholder:"1s" help:"How often each person who is not idle negotiates with another one (1s)."`
	Candidates int           `default:"5" placeholder:"N" help:"Candidates that follow each offer and each answer (5)."`
	Idle       float64       `default:"0.5" placeholder:"SHARE" help:"Share of people who do nothing more once they know their room, 0 to 1 (0.5)."`
	Churn      float64       `default:"2" placeholder:"N" help:"People a second who leave and are replaced (2)."`
	JSON       bool          `name:"json" help:"Write JSON."`
	Report     string        `placeholder:"FILE" help:"Also write an HTML page with charts."`
	Insecure   bool          `help:"Accept any certificate."`
}

// Help is the text under the summary of usher bench --help.
func (*benchCmd) Help() string {
	return "It joins rooms of its own on the server, negotiates as browsers do, and leaves. The defaults take about 15 s and stay " +
		"within the limits that a server has for one address; for more load, raise those or let the server trust this machine as " +
		"a proxy (--trusted-proxy). The exit status is 1 if anybody was refused or anything was lost or out of order."
}

func (c *benchCmd) Run(out io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	plan := bench.Plan{URL: c.URL, Rooms: c.Rooms, People: c.People, JoinRate: c.JoinRate, Duration: c.Duration, Idle: c.Idle,
		Every: c.Every, Churn: c.Churn, Candidates: c.Candidates, Insecure: c.Insecure}
	meter := newMeter(os.Stderr)
	result, err := bench.Run(ctx, plan, meter.show)
	meter.clear()
	if err != nil {
		return benchError(err)
	}
	if c.JSON {
		err = writeJSON(out, result)
	} else {
		writeBench(out, result, styleFor(out))
	}
	if c.Report != "" {
		err = errors.Join(err, c.writeReport(result))
	}
	if err != nil {
		return err
	}
	return benchError(result.Problem())
}

func (c *benchCmd) writeReport(result *bench.Result) (err error) {
	file, err := os.Create(c.Report)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return result.WriteReport(file)
}

// benchError turns the bench's advice into a hint.
func benchError(err error) error {
	var advised *bench.Error
	if errors.As(err, &advised) {
		return &hinted{err, advised.Hint}
	}
	return err
}

func writeBench(out io.Writer, r *bench.Result, style style) {
	fmt.Fprintf(out, "%s: %s of %d, %s a second, then %v with %g %% idle and %s a second\n\n",
		style.bold(printable(r.Plan.URL)), counted(r.Plan.Rooms, "room", "rooms"), r.Plan.People, counted(r.Plan.JoinRate, "join", "joins"),
		r.Plan.Duration, 100*r.Plan.Idle, counted(r.Plan.Churn, "newcomer", "newcomers"))
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "MS\tCOUNT\tP50\tP90\tP99\tP99.9\tMAX\t")
	for _, t := range r.Times {
		fmt.Fprintf(w, "%s\t%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", t.What, t.Count, t.P50, t.P90, t.P99, t.P999, t.Max)
	}
	w.Flush()
	heading, rows, _ := strings.Cut(table.String(), "\n")
	fmt.Fprintf(out, "%s\n%s\n", style.bold(heading), rows)
	fmt.Fprintf(out, "%d of %s seated. %s, %.0f a second: %d lost, %d out of order.\n",
		r.Seated, counted(r.People, "person", "people"), counted(r.Arrived, "message", "messages"), r.Rate(), r.Lost, r.OutOfOrder)
	if r.Interrupted {
		fmt.Fprintln(out, "Interrupted.")
	}
}
