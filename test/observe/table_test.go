package observe

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

const (
	dashboardFile = "../../deploy/grafana/usher.json"
	rulesFile     = "../../deploy/prometheus/alerts.yml"
	ruleTestsFile = "../../deploy/prometheus/alerts_test.yml"
	tableFile     = "../../docs/metrics.md"
)

// kinds returns the kind of each metric in docs/metrics.md, which a test of the server holds to the
// code.
func kinds(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{
		"up": "gauge", "process_open_fds": "gauge", "process_max_fds": "gauge", "process_resident_memory_bytes": "gauge",
		"process_cpu_seconds_total": "counter", "go_goroutines": "gauge", "go_memstats_heap_inuse_bytes": "gauge",
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `(usher_\\w+)[^`]*` \\| (\\w+) \\|").FindAllStringSubmatch(string(text), -1) {
		known[row[1]] = row[2]
	}
	if len(known) < 40 {
		t.Fatalf("only %d metrics in %s", len(known), tableFile)
	}
	return known
}

var (
	// strung is what may look like a name and is none: strings, and the lists of labels after by.
	strung = regexp.MustCompile(`"[^"]*"|\bby \([^)]*\)`)
	// selected is a name of a metric, with the function over a range that it is given to, such as
	// max_over_time, and the range that follows its labels.
	selected = regexp.MustCompile(`(\w+_over_time\()?\b((?:usher|process|go)_\w+|up)\b(?:\{[^}]*\})?(\[)?`)
)

// checkNames checks that an expression is about metrics that exist, and takes each as what it is:
// counters and histograms over a range, gauges as they are or over time.
func checkNames(t *testing.T, where, expression string, known map[string]string) {
	t.Helper()
	found := selected.FindAllStringSubmatch(strung.ReplaceAllString(expression, ""), -1)
	if len(found) == 0 {
		t.Errorf("%s: no metric in %s", where, expression)
	}
	for _, match := range found {
		name, overTime, ranged := match[2], match[1] != "", match[3] != ""
		kind := known[name]
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			if base, is := strings.CutSuffix(name, suffix); is && known[base] == "histogram" {
				kind = "histogram"
			}
		}
		switch {
		case kind == "":
			t.Errorf("%s: there is no metric %s", where, name)
		case kind == "histogram" && known[name] == "histogram":
			t.Errorf("%s: %s is a histogram: name its _bucket, _count or _sum", where, name)
		case ranged != (kind != "gauge" || overTime), overTime && kind != "gauge":
			t.Errorf("%s: a counter needs a rate or an increase, and a gauge needs none but over time: %s in %s", where, name, expression)
		}
	}
}
