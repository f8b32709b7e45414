package server

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"usher/server/cluster"
	"usher/server/metrics"
)

var rewrite = flag.Bool("rewrite", false, "write the table of docs/metrics.md")

const tableFile = "../docs/metrics.md"

// metricRows are those that any server has.
func metricRows() []metrics.Row {
	m := metrics.New()
	m.ShowAudit()
	m.ShowSpans()
	m.ShowWebhooks(nil, nil)
	m.ShowTURN()
	m.ShowFlights(nil, nil)
	return append(m.Rows(), cluster.MetricRows()...)
}

// The document has every metric of the code, as the code describes it.
func TestTheTableOfMetricsIsTheCodes(t *testing.T) {
	text, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	const mark = " -rewrite -->\n"
	head, table, found := strings.Cut(string(text), mark)
	if !found {
		t.Fatalf("%s has no line that ends with %q", tableFile, mark)
	}
	want := metricTable(metricRows())
	if table == want {
		return
	}
	if !*rewrite {
		t.Fatalf("%s is not what the code has: go test ./server -run TestTheTableOfMetrics -rewrite", tableFile)
	}
	if err := os.WriteFile(tableFile, []byte(head+mark+want), 0o600); err != nil {
		t.Fatal(err)
	}
}

func metricTable(rows []metrics.Row) string {
	var b strings.Builder
	var parts []metrics.Part
	for _, r := range rows {
		if !slices.Contains(parts, r.Part) {
			parts = append(parts, r.Part)
		}
	}
	for _, part := range parts {
		fmt.Fprintf(&b, "\n### %s\n\n| name | kind | what it is |\n|---|---|---|\n", part)
		for _, r := range rows {
			if r.Part != part {
				continue
			}
			labels := ""
			if len(r.Labels) > 0 {
				labels = "{" + strings.Join(r.Labels, ",") + "}"
			}
			fmt.Fprintf(&b, "| `%s%s` | %s | %s |\n", r.Name, labels, r.Kind, r.Help)
		}
	}
	return b.String()
}

// What /metrics shows of usher's own is in the table: nothing is registered past it.
func TestMetricsThatAreServedAreInTheTable(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	s.pair("table-1")
	s.ask("GET", "/metrics")
	_, body := s.ask("GET", "/metrics") // has the request for the first
	kinds := make(map[string]string)
	for _, r := range metricRows() {
		kinds[r.Name] = r.Kind
	}
	seen := 0
	for line := range strings.Lines(body) {
		var name, kind string
		if n, _ := fmt.Sscanf(line, "# TYPE %s %s", &name, &kind); n == 2 && strings.HasPrefix(name, "usher_") {
			seen++
			if kinds[name] != kind {
				t.Errorf("%s is a %s, and in the table a %q", name, kind, kinds[name])
			}
		}
	}
	if seen < 15 {
		t.Errorf("only %d metrics", seen)
	}
}

// promtool finds nothing to complain about: names, units, help.
func TestMetricsPassPrometheusLint(t *testing.T) {
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: test/cluster/balancers installs it as root on Debian")
	}
	t.Parallel()
	s := serve(t, nil)
	s.metrics.ShowAudit()
	s.metrics.ShowSpans()
	s.metrics.ShowTURN()
	_, body := s.ask("GET", "/metrics")
	command := exec.Command(path, "check", "metrics")
	command.Stdin = strings.NewReader(body)
	if text, err := command.CombinedOutput(); err != nil || len(text) > 0 {
		t.Errorf("%v\n%s", err, text)
	}
}
