// Usher is a WebRTC signaling and room server.
//
// Without arguments it serves on localhost:8787 and keeps its rooms in ./usher-data. Every setting
// is a flag, a USHER_… variable and a key of a YAML file; `usher config` shows the settings in
// effect and where each comes from.
//
// A subcommand is a struct with a Run method, in a file of its name. A setting is a field of the
// struct settings: its tags are the default, the bounds, the group in the help and the help itself,
// and everything else follows from them.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

type cli struct {
	Serve    serveCmd    `cmd:"" default:"withargs" help:"Run the server. This is the default command."`
	Config   configCmd   `cmd:"" help:"Show the settings in effect and where each comes from."`
	Rooms    roomsCmd    `cmd:"" help:"List the rooms that the data folder holds."`
	Token    tokenCmd    `cmd:"" help:"Make a token for a participant, as your accounts would."`
	APIKey   apiKeyCmd   `cmd:"" name:"apikey" help:"Make an API key for a program of yours."`
	Webhooks webhooksCmd `cmd:"" help:"List and replay the webhooks of a server, or make a secret for them."`
	Cluster  clusterCmd  `cmd:"" help:"Look at a cluster, drain a node of it, or try one on this machine."`
	Health   healthCmd   `cmd:"" help:"Ask a running server whether it works."`
	Upgrade  upgradeCmd  `cmd:"" help:"Let a new program take over from a running server."`
	Doctor   doctorCmd   `cmd:"" help:"Look at a server from outside, and say what is wrong."`
	Replay   replayCmd   `cmd:"" help:"Replay what the flight recorder has of a room, and draw it."`
	Bench    benchCmd    `cmd:"" help:"Load a server as browsers do, and report what clients saw."`
	Version  versionCmd  `cmd:"" help:"Show the version of usher and what it was built with."`

	Completion completionCmd `cmd:"" help:"Write the completions for a shell."`
	Man        manCmd        `cmd:"" help:"Write a manual page."`
	Complete   completeCmd   `cmd:"" hidden:"" help:"List what may come next on a command line, for the completions."`

	ShowVersion versionFlag `name:"version" help:"Show the version and exit."`
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit status: 0, or 1 for every failure, whether the
// user's or ours. Only a command whose output has said everything returns another one.
func run(args []string, stdout, stderr io.Writer) int {
	if len(upgradeSignals) > 0 { // without any, Ignore means all
		signal.Ignore(upgradeSignals...) // serve obeys them, and no other command ends by them
	}
	origins := origins{}
	parser, err := newParser(&cli{}, origins, stdout, stderr)
	if err == nil {
		err = execute(parser, args)
	}
	if err == nil {
		return 0
	}
	var status exitStatus
	if errors.As(err, &status) {
		return int(status)
	}
	report(stderr, err, origins)
	return 1
}

// exitStatus is an error of a command that has written what there is to say.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func execute(parser *kong.Kong, args []string) error {
	if err := checkCommand(parser.Model.Node, args); err != nil {
		return err
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return err
	}
	return ctx.Run()
}

// checkCommand detects a mistyped command, which kong would take for an argument of serve.
func checkCommand(app *kong.Node, args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return nil
	}
	var names []string
	for _, command := range app.Children {
		if command.Name == args[0] {
			return nil
		}
		if !command.Hidden {
			names = append(names, command.Name)
		}
	}
	hint := "the commands are " + enumerate(names, "and")
	if args[0] == "help" {
		hint = "did you mean --help?"
	} else if near := closest(args[0], names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return &hinted{fmt.Errorf("%s: no such command", args[0]), hint}
}

func newParser(commands *cli, origins origins, stdout, stderr io.Writer) (*kong.Kong, error) {
	return kong.New(commands,
		kong.Name("usher"),
		kong.Description("A WebRTC signaling and room server."),
		kong.Writers(stdout, stderr),
		kong.Bind(origins),
		kong.BindTo(stdout, (*io.Writer)(nil)),
		kong.KindMapper(reflect.String, kong.MapperFunc(decodeString)),
		kong.ExplicitGroups(groups),
		kong.ValueFormatter(helpText),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
	)
}

// hinted is an error with advice for the person at the command line.
type hinted struct {
	err  error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

// report writes the error: and the hint: lines of a failed command. The server reports several
// errors at once, and each gets its own line.
func report(w io.Writer, err error, origins origins) {
	message, hint := err.Error(), ""
	var bad *valueError
	var advice *hinted
	switch {
	case errors.As(err, &bad):
		message, hint = origins.of(bad.name).label(bad.name)+": "+bad.problem, bad.hint
	case errors.As(err, &advice):
		hint = advice.hint
	default:
		message, hint = explainParse(message, err)
	}
	for line := range strings.SplitSeq(message, "\n") {
		fmt.Fprintf(w, "error: %s\n", line)
		for _, setting := range origins.namedIn(line) {
			if name := origins[setting].name; !strings.Contains(line, name) {
				fmt.Fprintf(w, "hint: %s comes from %s\n", setting, name)
			}
		}
	}
	for line := range strings.SplitSeq(hint, "\n") {
		if line != "" {
			fmt.Fprintf(w, "hint: %s\n", line)
		}
	}
}

// explainParse divides kong's message into the error and the hint: what was probably meant, which
// is at its end, or the help of the command.
func explainParse(message string, err error) (problem, hint string) {
	var wrong *kong.ParseError
	if !errors.As(err, &wrong) {
		return message, ""
	}
	problem, meant, found := strings.Cut(message, ", did you mean ")
	if strings.HasPrefix(problem, "expected ") { // kong quotes "<url>"
		problem = strings.ReplaceAll(problem, `"`, "")
	}
	if found {
		return problem, "did you mean " + strings.ReplaceAll(meant, `"`, "")
	}
	if name, values, found := strings.Cut(problem, " must be one of "); found {
		values, got, _ := strings.Cut(strings.ReplaceAll(values, `","`, ", "), " but got ")
		return strings.Trim(name, "[<>]") + " must be one of " + strings.Trim(values, `"`) + ", not " + got, ""
	}
	path := "usher"
	for _, step := range wrong.Context.Path {
		if step.Command != nil {
			path += " " + step.Command.Name
		}
	}
	return problem, path + " --help says what it takes"
}
