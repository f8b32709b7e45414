package observe

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// promtool runs it, or skips the test.
func promtool(t *testing.T, folder string, arguments ...string) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: test/cluster/balancers installs it as root on Debian")
	}
	command := exec.Command(path, arguments...)
	command.Dir = folder
	text, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("promtool %s: %v\n%s", strings.Join(arguments, " "), err, text)
	}
	return string(text)
}

type rule struct {
	Alert       string            `yaml:"alert"`
	Expression  string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	text, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) < 20 {
		t.Fatalf("only %d rules", len(all))
	}
	return all
}

func TestAlertRulesAreValid(t *testing.T) {
	if text := promtool(t, ".", "check", "rules", rulesFile); !strings.Contains(text, "SUCCESS") {
		t.Error(text)
	}
}

// Each alert fires in a test of its own, none in that of a healthy server.
func TestAlertsFire(t *testing.T) {
	promtool(t, filepath.Dir(ruleTestsFile), "test", "rules", filepath.Base(ruleTestsFile))
	tests, err := os.ReadFile(ruleTestsFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules(t) {
		if !strings.Contains(string(tests), `ALERTS{alertname="`+r.Alert+`", alertstate="firing"`) {
			t.Errorf("no test has %s fire", r.Alert)
		}
	}
}

// Alerts on a metric that does not exist never fire.
func TestAlertsAreAboutMetricsThatExist(t *testing.T) {
	known := kinds(t)
	for _, r := range rules(t) {
		checkNames(t, r.Alert, r.Expression, known)
		if !strings.Contains(r.Expression, `job="usher"`) {
			t.Errorf("%s is about all jobs", r.Alert)
		}
		if severity := r.Labels["severity"]; severity != "page" && severity != "warn" {
			t.Errorf("%s: severity %q", r.Alert, severity)
		}
		if r.Annotations["summary"] == "" || r.Annotations["action"] == "" {
			t.Errorf("%s does not say what is wrong, or what to do", r.Alert)
		}
	}
}
