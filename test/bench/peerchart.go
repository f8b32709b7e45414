package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strings"
)

// peerChart is one picture: a panel of bars for each figure.
type peerChart struct {
	file, title string
	panels      []peerPanel
}

type peerPanel struct{ measurement, figure, title, format string }

var peerCharts = []peerChart{
	{"peers-relay.svg", "CPU of the server for one relayed offer, µs (less is better)", []peerPanel{
		{"closed", "cpu", "as fast as they go", "%.1f"}, {"2000", "cpu", "2,000 a second", "%.1f"}, {"5000", "cpu", "5,000 a second", "%.1f"}}},
	{"peers-latency.svg", "From send to arrival at 5,000 offers a second, µs (less is better)", []peerPanel{
		{"5000", "p50", "p50", "%.0f"}, {"5000", "p99", "p99", "%.0f"}}},
	{"peers-joins.svg", "Joins", []peerPanel{
		{"joins", "rate", "joins a second, 64 at once (more is better)", "%.0f"}, {"pace", "p50", "p50 at 200 a second, µs (less is better)", "%.0f"}}},
	{"peers-people.svg", "Idle people, and a crash", []peerPanel{
		{"idle", "bytes", "RSS for one more idle person, bytes (less is better)", "%.0f"}, {"crash", "seconds", "everybody seated after kill -9, s (less is better)", "%.2f"}}},
}

// Lengths in the charts, in px.
const (
	chartWidth, chartLabel, chartValue = 760, 120, 70
	chartRow, chartHead, chartPanel    = 22, 44, 34
)

// chartStyle has both themes: the picture is its own document, and follows the reader's.
const chartStyle = `<style>
svg { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; }
.paper { fill: #ffffff; } .ink { fill: #1f2328; } .dim { fill: #59636e; } .bar { fill: #8c959f; } .own { fill: #0969da; }
.title { font-size: 15px; font-weight: 600; }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117; } .ink { fill: #f0f6fc; } .dim { fill: #9198a1; } .bar { fill: #656c76; } .own { fill: #4493f8; }
}
</style>`

// chart draws a picture, "" if none of its figures was measured.
func (c *comparison) chart(chart peerChart) string {
	var b strings.Builder
	y := chartHead
	for _, panel := range chart.panels {
		y = c.drawPanel(&b, panel, y)
	}
	if b.Len() == 0 {
		return ""
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img" aria-label="%[3]s">`+
		"\n%[4]s\n"+`<rect class="paper" width="%[1]d" height="%[2]d"/><text class="ink title" x="12" y="26">%[3]s</text>`+"\n%[5]s</svg>\n",
		chartWidth, y+8, html.EscapeString(chart.title), chartStyle, b.String())
}

func (c *comparison) drawPanel(b *strings.Builder, panel peerPanel, y int) int {
	longest := 0.0
	for _, name := range c.names() {
		value, _ := c.middle(panel.measurement, panel.figure, name)
		longest = max(longest, value)
	}
	if longest == 0 {
		return y
	}
	fmt.Fprintf(b, `<text class="dim" x="12" y="%d">%s</text>`+"\n", y+18, html.EscapeString(panel.title))
	y += chartPanel
	for _, name := range c.names() {
		value, has := c.middle(panel.measurement, panel.figure, name)
		if !has {
			continue
		}
		class := "bar"
		if strings.HasPrefix(name, "usher") {
			class = "own"
		}
		width := value / longest * (chartWidth - chartLabel - chartValue)
		fmt.Fprintf(b, `<text class="ink" x="%d" y="%d" text-anchor="end">%s</text><rect class="%s" x="%d" y="%d" width="%.1f" height="15" rx="2"/>`+
			`<text class="ink" x="%.1f" y="%d">`+panel.format+"</text>\n",
			chartLabel-8, y+12, html.EscapeString(name), class, chartLabel, y, width, chartLabel+width+6, y+12, value)
		y += chartRow
	}
	return y + 6
}

// The tables are between these lines of performance.md.
const (
	peersBegin = "<!-- peers: written by `go -C test/bench run . peers -out docs` -->"
	peersEnd   = "<!-- peers: end -->"
)

// figuresFile keeps every figure of a run beside its tables.
const figuresFile = "peers.json"

// peersPage is a performance.md around its tables.
type peersPage struct {
	folder, file  string
	before, after []byte
}

// readPage finds the place of the tables in performance.md of a folder.
func (w *workshop) readPage(folder string) (p peersPage, err error) {
	folder = w.inRepository(folder)
	p = peersPage{folder: folder, file: filepath.Join(folder, "performance.md")}
	text, err := os.ReadFile(p.file)
	if err != nil {
		return p, err
	}
	before, rest, begins := bytes.Cut(text, []byte(peersBegin))
	_, after, ends := bytes.Cut(rest, []byte(peersEnd))
	if !begins || !ends {
		return p, fmt.Errorf("%s has no lines %q and %q", p.file, peersBegin, peersEnd)
	}
	p.before, p.after = before, after
	return p, nil
}

// publish writes the figures and the charts into a folder, and the tables into its performance.md.
func (c *comparison) publish(folder string, figures []byte) error {
	p, err := c.w.readPage(folder)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.folder, figuresFile), append(figures, '\n'), 0o644); err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%s\n\n%s\n", p.before, peersBegin, c.tables())
	for _, chart := range peerCharts {
		picture := c.chart(chart)
		if picture == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(p.folder, chart.file), []byte(picture), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&b, "![%s](%s)\n\n", chart.title, chart.file)
	}
	fmt.Fprintf(&b, "%s%s", peersEnd, p.after)
	return os.WriteFile(p.file, b.Bytes(), 0o644)
}

// inRepository takes a path as seen from the checkout, not from this program's folder.
func (w *workshop) inRepository(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(w.repository, path)
}

// readComparison reads what a run has written.
func (w *workshop) readComparison(file string) (*comparison, error) {
	text, err := os.ReadFile(w.inRepository(file))
	if err != nil {
		return nil, err
	}
	var c comparison
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(c.Servers) == 0 {
		return nil, fmt.Errorf("%s names no servers", file)
	}
	return &c, nil
}
