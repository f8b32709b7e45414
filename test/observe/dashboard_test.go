package observe

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// panel has what a test can judge without Grafana.
type panel struct {
	ID          int    `json:"id"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Grid        struct {
		X, Y, W, H int
	} `json:"gridPos"`
	Targets []struct {
		Expression string     `json:"expr"`
		RefID      string     `json:"refId"`
		Source     dataSource `json:"datasource"`
	} `json:"targets"`
}

type dataSource struct{ Type, UID string }

type dashboard struct {
	UID           string  `json:"uid"`
	Title         string  `json:"title"`
	SchemaVersion int     `json:"schemaVersion"`
	Panels        []panel `json:"panels"`
	Templating    struct {
		List []struct {
			Name, Type string
		} `json:"list"`
	} `json:"templating"`
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// filled is an expression as Grafana asks Prometheus, with values for its variables.
var filled = strings.NewReplacer("$__rate_interval", "5m", "$job", "usher", "$instance", ".*")

// Grafana takes the dashboard: a version of the schema that it reads, ids that differ, and panels
// that do not cover each other.
func TestDashboardIsWellFormed(t *testing.T) {
	d := readDashboard(t)
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 36 || d.SchemaVersion > 41 {
		t.Errorf("uid %q, title %q, schema version %d", d.UID, d.Title, d.SchemaVersion)
	}
	ids, taken := make(map[int]bool), make(map[[2]int]string)
	for _, p := range d.Panels {
		if p.ID == 0 || ids[p.ID] {
			t.Errorf("%s: id %d is not its own", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Title == "" || p.Type != "row" && (p.Description == "" || len(p.Targets) == 0) {
			t.Errorf("panel %d has no title, description or expression", p.ID)
		}
		if p.Grid.W < 1 || p.Grid.H < 1 || p.Grid.X < 0 || p.Grid.X+p.Grid.W > 24 {
			t.Errorf("%s is outside of the grid", p.Title)
		}
		for x := p.Grid.X; x < p.Grid.X+p.Grid.W; x++ {
			for y := p.Grid.Y; y < p.Grid.Y+p.Grid.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%s covers %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
	names := ""
	for _, v := range d.Templating.List {
		names += v.Name + " "
	}
	if names != "datasource job instance " {
		t.Errorf("the variables are %s", names)
	}
}

// Each panel shows metrics that exist, from the servers that were chosen.
func TestDashboardShowsMetricsThatExist(t *testing.T) {
	known := kinds(t)
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	for _, p := range readDashboard(t).Panels {
		for i, target := range p.Targets {
			where := fmt.Sprintf("%s, %s", p.Title, target.RefID)
			expression := filled.Replace(target.Expression)
			checkNames(t, where, expression, known)
			if target.Source != (dataSource{"prometheus", "${datasource}"}) {
				t.Errorf("%s asks another data source: %v", where, target.Source)
			}
			if strings.Contains(expression, "$") || !strings.Contains(target.Expression, `job="$job", instance=~"$instance"`) {
				t.Errorf("%s has a variable of its own, or not those of the dashboard: %s", where, target.Expression)
			}
			text, err := json.Marshal(expression) // a string in JSON is one in YAML
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&rules, "      - {record: \"panel%d:query%d\", expr: %s}\n", p.ID, i, text)
		}
	}
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, ".", "check", "rules", file)
}
