package main

import (
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"usher/server/turn"
)

type configCmd struct {
	sources
	JSON bool `name:"json" help:"Write JSON."`
	settings
}

// Help is the text under the summary of usher config --help.
func (*configCmd) Help() string {
	return "The output is itself a file for --config. " +
		"The exit status is 1 if the server would refuse the settings. Secrets are not shown."
}

// effective is one setting in effect.
type effective struct {
	Name  string `json:"name"`
	Value any    `json:"value"` // string, int, or []string
	From  string `json:"from"`  // default, file, env or flag
	Where string `json:"where,omitempty"`

	group  string
	hidden bool // Value does not show everything
	origin origin
}

func (c *configCmd) Run(ctx *kong.Context, origins origins, out io.Writer) error {
	found := effectiveSettings(ctx.Selected(), origins)
	if c.JSON {
		err := writeJSON(out, struct {
			Settings []effective `json:"settings"`
		}{found})
		if err != nil {
			return err
		}
	} else {
		writeYAML(out, found, styleFor(out))
	}
	_, err := c.serverConfig()
	return err
}

func effectiveSettings(command *kong.Node, origins origins) []effective {
	var found []effective
	for _, flag := range settingsOf(command) {
		origin := origins.of(flag.Name)
		item := effective{Name: flag.Name, From: origin.kind, Where: origin.name, group: flag.Group.Title, origin: origin}
		item.Value, item.hidden = plain(flag.Target.Interface())
		if flag.Tag.Has("secret") && item.Value != "" {
			item.Value, item.hidden = "(set)", true
		}
		found = append(found, item)
	}
	return found
}

// plain turns a setting's value into a form that YAML and JSON can show, and reports whether it
// left out a secret.
func plain(value any) (shown any, hidden bool) {
	switch value := value.(type) {
	case count:
		return int(value), false
	case choice:
		return string(value), false
	case list:
		return append([]string{}, value...), false
	case originPatterns:
		return append([]string{}, value...), false
	case networks:
		return texts(value, netip.Prefix.String), false
	case iceServers:
		secret := func(s turn.ICEServer) bool { return s.Credential != "" }
		return texts(value, describeICEServer), slices.ContainsFunc(value, secret)
	case fmt.Stringer:
		return value.String(), false
	}
	return value, false
}

func texts[T any](items []T, text func(T) string) []string {
	found := make([]string, len(items))
	for i, item := range items {
		found[i] = text(item)
	}
	return found
}

// writeYAML writes a settings file with the origins as comments. A value that is not shown in full
// is commented out, so that the file cannot set a secret to "(set)".
func writeYAML(out io.Writer, found []effective, style style) {
	lines := make([]string, len(found))
	width := 0
	for i, item := range found {
		lines[i] = item.Name + ": " + yamlValue(item.Value)
		if item.hidden {
			lines[i] = "# " + lines[i]
		}
		// One long list must not push all the comments off the screen.
		if length := len(lines[i]); length <= 48 {
			width = max(width, length)
		}
	}
	for i, item := range found {
		if i == 0 || item.group != found[i-1].group {
			if i > 0 {
				fmt.Fprintln(out)
			}
			fmt.Fprintln(out, style.bold("# "+item.group))
		}
		comment := "# " + item.origin.String()
		if item.From == "default" {
			comment = style.dim(comment)
		}
		fmt.Fprintf(out, "%-*s  %s\n", width, lines[i], comment)
	}
}

// plainYAML matches strings that need no quotes in YAML.
var plainYAML = regexp.MustCompile(`^[A-Za-z0-9./]([A-Za-z0-9./_@:+-]*[A-Za-z0-9./_@+-])?$`)

func yamlValue(value any) string {
	switch value := value.(type) {
	case []string:
		return "[" + strings.Join(texts(value, func(item string) string { return yamlValue(item) }), ", ") + "]"
	case string:
		if !plainYAML.MatchString(value) || strings.EqualFold(value, "null") {
			return strconv.Quote(value)
		}
	}
	return fmt.Sprint(value)
}
