package deploy

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

const chart = "../../deploy/helm/usher"

// installations are values that operators give, and what comes of them.
var installations = []struct {
	name   string
	values string
	kinds  string
}{
	{"one node", "", "ConfigMap NetworkPolicy Service Service StatefulSet"},
	{"three nodes", `{replicas: 3, clusterSecret: a}`, "ConfigMap NetworkPolicy PodDisruptionBudget Service Service StatefulSet"},
	{
		"everything", `
replicas: 5
clusterSecret: a
turnSecret: b
image: {repository: registry.example.org/usher, tag: 1.2.3, pullSecrets: [{name: registry}]}
settings: {trusted-proxy: [10.0.0.0/8], max-people: 20, ice-server: ["turn:turn.example.org:3478?transport=udp"]}
persistence: {size: 8Gi, storageClass: fast}
service: {type: NodePort, annotations: {a: b}}
ingress: {enabled: true, className: nginx, host: usher.example.org, tlsSecret: c}
networkPolicy: {enabled: true, metricsFrom: [{namespaceSelector: {matchLabels: {name: monitoring}}}]}
podAnnotations: {a: b}
nodeSelector: {disk: ssd}
tolerations: [{key: a, operator: Exists}]
affinity: {nodeAffinity: {}}
`,
		"ConfigMap Ingress NetworkPolicy PodDisruptionBudget Service Service StatefulSet",
	},
}

func valuesOf(t *testing.T, text string) map[string]any {
	t.Helper()
	values := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(text), &values); err != nil {
		t.Fatal(err)
	}
	return values
}

// render returns the chart's objects as YAML, by their files.
func render(values map[string]any) (map[string]string, error) {
	loaded, err := loader.Load(chart)
	if err != nil {
		return nil, err
	}
	release := common.ReleaseOptions{Name: "film", Namespace: "night", Revision: 1, IsInstall: true}
	all, err := util.ToRenderValues(loaded, values, release, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	return (engine.Engine{Strict: true}).RenderWithContext(context.Background(), loaded, all)
}

func TestHelmFindsNothingWrong(t *testing.T) {
	for _, test := range installations {
		linted := lint.RunAll(chart, valuesOf(t, test.values), "night")
		for _, message := range linted.Messages {
			// An icon would be fetched from somewhere.
			if message.Severity > support.InfoSev {
				t.Errorf("%s: %s", test.name, message)
			}
		}
	}
}

// TestKubernetesKnowsEveryField reads what the chart renders into Kubernetes' own types, strictly.
func TestKubernetesKnowsEveryField(t *testing.T) {
	for _, test := range installations {
		files, err := render(valuesOf(t, test.values))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		var kinds []string
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if !strings.HasSuffix(name, ".yaml") {
				continue
			}
			for _, object := range strings.Split(files[name], "\n---\n") {
				if kind, err := strict(object); err != nil {
					t.Errorf("%s: %s: %v\n%s", test.name, name, err, object)
				} else if kind != "" {
					kinds = append(kinds, kind)
				}
			}
		}
		if slices.Sort(kinds); strings.Join(kinds, " ") != test.kinds {
			t.Errorf("%s: it has %v, want %s", test.name, kinds, test.kinds)
		}
	}
}

// strict returns the kind of an object, "" for an empty file.
func strict(object string) (string, error) {
	var meta struct{ Kind string }
	if err := yaml.Unmarshal([]byte(object), &meta); err != nil {
		return "", err
	}
	types := map[string]any{
		"ConfigMap": &core.ConfigMap{}, "Service": &core.Service{}, "StatefulSet": &apps.StatefulSet{}, "Ingress": &networking.Ingress{},
		"NetworkPolicy": &networking.NetworkPolicy{}, "PodDisruptionBudget": &policy.PodDisruptionBudget{},
	}
	if meta.Kind == "" {
		return "", nil
	}
	into, ok := types[meta.Kind]
	if !ok {
		return "", fmt.Errorf("unknown kind %s", meta.Kind)
	}
	return meta.Kind, yaml.UnmarshalStrict([]byte(object), into)
}

// TestValuesThatCannotWorkAreRefused: better by helm than by pods that do not start.
func TestValuesThatCannotWorkAreRefused(t *testing.T) {
	for values, want := range map[string]string{
		`{replicas: 2}`:                      "replicas",
		`{replicas: 3}`:                      "clusterSecret",
		`{replica: 1}`:                       "replica",
		`{settings: {listen: ":80"}}`:        "listen",
		`{image: {tag: 1}}`:                  "tag",
		`{settings: {cluster-peers: [a:1]}}`: "cluster-peers",
	} {
		if _, err := render(valuesOf(t, values)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", values, err)
		}
	}
}

// TestUsherTakesTheSettings gives the rendered file to usher itself.
func TestUsherTakesTheSettings(t *testing.T) {
	usher := filepath.Join(t.TempDir(), "usher")
	build := exec.Command("go", "build", "-o", usher, "./cmd/usher")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range installations {
		files, err := render(valuesOf(t, test.values))
		if err != nil {
			t.Fatal(err)
		}
		var settings core.ConfigMap
		if err := yaml.UnmarshalStrict([]byte(files["usher/templates/settings.yaml"]), &settings); err != nil {
			t.Fatal(err)
		}
		// In a pod its own name resolves to it, so it knows which of the peers it is.
		text := strings.NewReplacer(
			"cluster-listen: :6222", "cluster-listen: film-usher-0.film-usher-nodes.night.svc.cluster.local:6222",
			"/etc/usher/turn/secret", secret, "/etc/usher/cluster/secret", secret).Replace(settings.Data["usher.yaml"])
		path := filepath.Join(t.TempDir(), "usher.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		config := exec.Command(usher, "config", "--config", path)
		config.Stdout, config.Stderr = &out, &out
		if err := config.Run(); err != nil {
			t.Errorf("%s: %v\n%s\n%s", test.name, err, text, &out)
		}
	}
}
