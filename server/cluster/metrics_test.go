package cluster

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// metricName is a name of this package's metrics.
var metricName = regexp.MustCompile(`\busher_cluster_\w+`)

func names(t *testing.T) (all []string) {
	t.Helper()
	for _, m := range metricRows {
		all = append(all, metricName.FindString(m.description.String()))
	}
	return all
}

// Alerts on a metric that does not exist never fire.
func TestAlertsAreAboutMetricsThatExist(t *testing.T) {
	text, err := os.ReadFile("../../examples/cluster/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	known, rules := names(t), 0
	for line := range strings.Lines(string(text)) {
		_, expression, is := strings.Cut(line, "expr: ")
		if !is {
			continue
		}
		rules++
		found := metricName.FindAllString(expression, -1)
		if len(found) == 0 && !strings.HasPrefix(expression, "up{") {
			t.Errorf("no metric of the cluster in %s", expression)
		}
		for _, name := range found {
			if !slices.Contains(known, name) {
				t.Errorf("no metric %s", name)
			}
			if counts := strings.HasSuffix(name, "_total"); counts != strings.Contains(expression, "[") {
				t.Errorf("a counter needs a rate or an increase, and nothing else does: %s", expression)
			}
		}
	}
	if rules < 8 {
		t.Errorf("only %d rules", rules)
	}
}

// docs/cluster.md has a row for each metric.
func TestTheDocumentHasEveryMetric(t *testing.T) {
	text, err := os.ReadFile("../../docs/cluster.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| `usher_cluster_") {
			rows = append(rows, metricName.FindString(line))
		}
	}
	if known := names(t); !slices.Equal(rows, known) {
		t.Errorf("the rows are\n%s\nand the metrics\n%s", strings.Join(rows, "\n"), strings.Join(known, "\n"))
	}
}
