package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// A table of the report is a measurement, and its columns are the figures.
type peerTable struct {
	measurement, title, text string
	columns                  []peerColumn
}

// peerColumn is a figure: its heading, how it is shown, and whether it is compared with usher's.
type peerColumn struct {
	figure, heading, format string
	ratio                   bool
}

var (
	lateColumn      = peerColumn{"late", "generator late, p99, µs", "%.0f", false}
	generatorColumn = peerColumn{"generator", "generator's load, %", "%.0f", false}
	relayColumns    = []peerColumn{{"cpu", "CPU, µs", "%.1f", true}, {"p50", "p50, µs", "%.0f", false}, {"p99", "p99, µs", "%.0f", true}, lateColumn, generatorColumn}
)

var peerTables = []peerTable{
	{"closed", "Relay, four offers of each pair in flight", "CPU of the server for one offer, as fast as they go.",
		[]peerColumn{{"cpu", "CPU, µs", "%.1f", true}, {"rate", "offers a second", "%.0f", false}, generatorColumn}},
	{"2000", "Relay at 2,000 offers a second", "CPU of the server for one offer, and the time from send to arrival.", relayColumns},
	{"5000", "Relay at 5,000 offers a second", "The same.", relayColumns},
	{"tls", "Relay at 2,000 offers a second with TLS", "The same; the times include the generator's own TLS.", relayColumns},
	{"broadcast", "Broadcast in rooms of 50", "100 messages of 300 B a second into four rooms, each for 49 people: CPU for one delivery.", relayColumns},
	{"joins", "Joins, 64 at once", "From the connection to the reply, rooms of four.",
		[]peerColumn{{"rate", "joins a second", "%.0f", true}, {"cpu", "CPU, µs", "%.0f", true}, generatorColumn}},
	{"pace", "Joins at 200 a second", "From the connection to the reply.",
		[]peerColumn{{"p50", "p50, µs", "%.0f", true}, {"p99", "p99, µs", "%.0f", false}, {"cpu", "CPU, µs", "%.0f", true}, lateColumn, generatorColumn}},
	{"crash", "After kill -9", "Time until everybody is seated again; the server is started again at once.",
		[]peerColumn{{"seconds", "seconds", "%.2f", true}, {"arrived", "offers of the first to return that arrived, %", "%.0f", false}}},
	{"idle", "Memory", "RSS for one more idle person in rooms of four.",
		[]peerColumn{{"bytes", "bytes", "%.0f", true}, {"total", "all, MiB", "%.1f", false}}},
}

// middle is the median of a server's rounds, false if there is none.
func (c *comparison) middle(measurement, figure, name string) (float64, bool) {
	rounds := c.Figures[measurement][figure][name]
	if len(rounds) == 0 {
		return 0, false
	}
	return median(rounds), true
}

// names are the servers in the order of the tables.
func (c *comparison) names() (names []string) {
	for _, a := range c.Servers {
		names = append(names, a.Name)
	}
	return names
}

// tables is the report as Markdown.
func (c *comparison) tables() string {
	var b strings.Builder
	b.WriteString(wrapped(fmt.Sprintf("Measured on %s by `go -C test/bench run . peers`, medians of %d rounds. "+
		"\"×\" is the ratio to the first usher; what the second differs by is noise.", c.Date, c.Rounds), "", ""))
	b.WriteString("\n")
	for _, line := range c.Machine {
		b.WriteString(wrapped(line, "- ", "  "))
	}
	for _, what := range slices.Sorted(maps.Keys(c.Skipped)) {
		b.WriteString(wrapped("left out: "+what+": "+c.Skipped[what], "- ", "  "))
	}
	b.WriteString("\n| server | version | checks | keeps | promises |\n|---|---|---|---|---|\n")
	for _, a := range c.Servers {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", a.Name, a.Version, a.Checks, a.Keeps, a.Promises)
	}
	for _, t := range peerTables {
		if c.Figures[t.measurement] != nil {
			c.writeTable(&b, t)
		}
	}
	return b.String()
}

func (c *comparison) writeTable(b *strings.Builder, t peerTable) {
	fmt.Fprintf(b, "\n%s\n| server |", wrapped(fmt.Sprintf("**%s.** %s", t.title, t.text), "", ""))
	line := "|---|"
	for _, column := range t.columns {
		fmt.Fprintf(b, " %s |", column.heading)
		line += "---:|"
		if column.ratio {
			b.WriteString(" × |")
			line += "---:|"
		}
	}
	fmt.Fprintf(b, "\n%s\n", line)
	first := c.Servers[0].Name
	for _, name := range c.names() {
		cells := make([]string, 0, 2*len(t.columns))
		for _, column := range t.columns {
			value, has := c.middle(t.measurement, column.figure, name)
			if !has && len(cells) > 0 {
				cells = append(cells, "")
			}
			if !has {
				continue
			}
			cells = append(cells, fmt.Sprintf(column.format, value))
			if base, _ := c.middle(t.measurement, column.figure, first); column.ratio {
				cells = append(cells, fmt.Sprintf("%.2f", value/base))
			}
		}
		if len(cells) > 0 {
			fmt.Fprintf(b, "| %s | %s |\n", name, strings.Join(cells, " | "))
		}
	}
}

// wrapped puts a text on lines of at most 100 columns, as the repository's Markdown is.
func wrapped(text, first, others string) string {
	const most = 100
	var b strings.Builder
	line := first
	for i, word := range strings.Fields(text) {
		if i > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > most {
			b.WriteString(line + "\n")
			line = others + word
			continue
		}
		if i > 0 {
			line += " "
		}
		line += word
	}
	return b.String() + line + "\n"
}
