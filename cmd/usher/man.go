package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

type manCmd struct {
	Page string `arg:"" optional:"" default:"usher.1" enum:"usher.1,usher.yaml.5" placeholder:"PAGE" help:"usher.1, the command, or usher.yaml.5, the settings."`
}

// Help is the text under the summary of usher man --help.
func (*manCmd) Help() string {
	return "Packages install them. To read one without: usher man | man -l -"
}

func (c *manCmd) Run(ctx *kong.Context, out io.Writer) error {
	var page roff
	if c.Page == "usher.yaml.5" {
		page.settingsPage(ctx.Model.Node)
	} else {
		page.commandPage(ctx.Model.Node)
	}
	_, err := io.WriteString(out, page.text.String())
	return err
}

// roff is a manual page in the making, in the macros of man(7), which every man knows.
type roff struct{ text strings.Builder }

// roffText makes roff print a text as it is: \ and - mean something to it, and so do . and ' at the
// beginning of a line.
var roffText = strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, "^", `\(ha`, "~", `\(ti`, "`", `\(ga`)

func (r *roff) line(macro string, args ...string) {
	r.text.WriteString("." + macro)
	for _, arg := range args {
		r.text.WriteString(` "` + strings.ReplaceAll(roffText.Replace(arg), `"`, `\(dq`) + `"`)
	}
	r.text.WriteString("\n")
}

// maxRoffColumns is what linters of manual pages allow.
const maxRoffColumns = 80

// write writes a text that roff fills. Where its lines end says nothing.
func (r *roff) write(text string) {
	line := ""
	for word := range strings.FieldsSeq(roffText.Replace(text)) {
		if line != "" && len(line)+1+len(word) > maxRoffColumns {
			r.verbatim(line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	r.verbatim(line)
}

// verbatim writes a line that is escaped already, but for a request at its beginning.
func (r *roff) verbatim(line string) {
	if strings.HasPrefix(line, ".") {
		line = `\&` + line
	}
	r.text.WriteString(line + "\n")
}

// prose writes paragraphs. Indented ones are examples, which keep their lines.
func (r *roff) prose(text string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			r.line("PP")
		}
		if strings.HasPrefix(paragraph, "  ") {
			r.example(strings.Split(paragraph, "\n")...)
			continue
		}
		r.write(paragraph)
	}
}

func (r *roff) example(lines ...string) {
	r.text.WriteString(".RS 4\n.nf\n")
	for _, line := range lines {
		r.verbatim(roffText.Replace(strings.TrimPrefix(line, "  ")))
	}
	r.text.WriteString(".fi\n.RE\n")
}

// item writes a term and what it means.
func (r *roff) item(term, meaning string) {
	r.text.WriteString(".TP\n.B \"" + strings.ReplaceAll(roffText.Replace(term), `"`, `\(dq`) + "\"\n")
	r.write(meaning)
}

func (r *roff) title(name, section, about string) {
	v := buildVersion()
	date, err := time.Parse(time.RFC3339, v.Date)
	if err != nil {
		date = time.Now() // a build outside a checkout
	}
	// A date that is escaped is none to mandoc.
	fmt.Fprintf(&r.text, ".TH \"%s\" \"%s\" \"%s\" \"usher %s\"\n", name, section, date.Format(time.DateOnly), roffText.Replace(v.Version))
	r.text.WriteString(".nh\n.ad l\n") // flags must not be broken at hyphens
	r.line("SH", "NAME")
	r.write(strings.ToLower(name) + " - " + about)
}

func (r *roff) commandPage(app *kong.Node) {
	r.title("USHER", "1", "a WebRTC signaling and room server")
	r.line("SH", "SYNOPSIS")
	commands := app.Leaves(true)
	for i, command := range commands {
		if i > 0 {
			r.text.WriteString(".br\n")
		}
		r.line("B", "usher "+strings.TrimPrefix(command.Path(), "usher "))
		r.write(synopsis(command))
	}
	r.line("SH", "DESCRIPTION")
	r.prose("usher seats browsers in rooms, passes their offers, answers and candidates on, and keeps the state of the rooms on disk. " +
		"Without a command it serves.")
	r.line("SH", "COMMANDS")
	for _, command := range commands {
		r.line("SS", "usher "+strings.TrimPrefix(command.Path(), "usher "))
		r.write(command.Help)
		if command.Detail != "" {
			r.line("PP")
			r.prose(command.Detail)
		}
		for _, argument := range command.Positional {
			r.item(argument.Tag.PlaceHolder, argument.Help)
		}
		for _, flag := range command.Flags {
			if !flag.Hidden && flag.Group == nil {
				r.item(flagTerm(flag), helpText(flag.Value))
			}
		}
		if len(settingsOf(command)) > 0 {
			r.item("--SETTING=VALUE", "Any of the settings of usher.yaml(5), as --listen=:8787.")
		}
	}
	r.line("SH", "EXIT STATUS")
	r.write("0, or 1 if anything failed: the arguments, a setting, or the work itself. The error and a hint go to the standard error.")
	r.line("SH", "SIGNALS")
	r.item("SIGTERM, SIGINT", "The server closes its connections over a few seconds, stores everything and stops. A second one stops it immediately, with status 1.")
	r.item("SIGHUP", "The server reads the files of its certificate again.")
	r.line("SH", "ENVIRONMENT")
	r.item("USHER_CONFIG", "The file of settings, as --config.")
	r.item("USHER_...", "A setting, as USHER_SEAT_GRACE for seat-grace.")
	r.item("NOTIFY_SOCKET, WATCHDOG_USEC, LISTEN_FDS", "Set by systemd: the server reports its state there, and serves on the sockets that it is given.")
	r.item("NO_COLOR", "Set to anything, it keeps colors off the terminal.")
	r.examples()
	r.line("SH", "SEE ALSO")
	r.write("usher.yaml(5), systemctl(1)")
}

func (r *roff) examples() {
	r.line("SH", "EXAMPLES")
	r.prose("Serve on this machine only, with the rooms in ./usher-data:\n\n  usher\n\n" +
		"Serve everybody, with a certificate:\n\n  usher --listen :443 --tls-cert cert.pem --tls-key key.pem --data /var/lib/usher\n\n" +
		"Show what a file of settings comes to:\n\n  usher config --config /etc/usher/usher.yaml")
}

func (r *roff) settingsPage(app *kong.Node) {
	r.title("USHER.YAML", "5", "the settings of usher")
	r.line("SH", "DESCRIPTION")
	r.prose("Every setting is a key of this file, which --config or USHER_CONFIG names, a flag of usher serve (--seat-grace) " +
		"and a variable in the environment (USHER_SEAT_GRACE). A flag wins over the environment, the environment over the file, and the file over the default.\n\n" +
		"Lists are YAML lists, or one text with commas. Durations: 500ms, 40s, 1m30s, 12h, 30d. Sizes: 65536, 64KiB, 4MiB.\n\n" +
		"usher config shows the settings in effect, and where each comes from.")
	group := ""
	for _, flag := range settingsOf(command(app, "serve")) {
		if flag.Group.Title != group {
			group = flag.Group.Title
			r.line("SH", strings.ToUpper(group))
		}
		help := strings.Replace(helpText(flag.Value), " ("+flag.Default+")", "", 1)
		if flag.Default != "" {
			// Lines break at spaces only.
			help += " Default: " + strings.ReplaceAll(flag.Default, ",", ", ") + "."
		}
		r.item(flag.Name, help)
	}
	r.line("SH", "FILES")
	r.item("/etc/usher/usher.yaml", "The file that the packages install.")
	r.line("SH", "EXAMPLES")
	r.example("listen: :8787", "data: /var/lib/usher", "trusted-proxy: [127.0.0.1, \"::1\"]", "allow-origin: [https://example.org]",
		"ice-server:", "    - stun:stun.example.org", "    - turn:turn.example.org:3478?transport=udp", "turn-secret-file: /etc/usher/turn-secret")
	r.line("SH", "SEE ALSO")
	r.write("usher(1)")
}

// synopsis is what follows a command's name.
func synopsis(command *kong.Node) string {
	words := []string{"[flags]"}
	for _, argument := range command.Positional {
		word := argument.Tag.PlaceHolder
		if !argument.Required {
			word = "[" + word + "]"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func flagTerm(flag *kong.Flag) string {
	if flag.IsBool() {
		return "--" + flag.Name
	}
	return fmt.Sprintf("--%s=%s", flag.Name, flag.FormatPlaceHolder())
}
