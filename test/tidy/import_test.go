package tidy

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// imports is what one package may import.
type imports struct {
	// standard are the packages of the standard library; nil allows all of them.
	standard []string
	// house are the packages of usher.
	house []string
	// modules are other people's, by the beginning of the import path, with the reason for each.
	modules map[string]string
	// testHouse and testModules are what its tests may import beyond that.
	testHouse   []string
	testModules map[string]string
}

// A reason that more than one package has.
const (
	tolerant  = "the one reader of JSON that refuses duplicate names and bad UTF-8 and links no reflect"
	onlyTests = "a WebSocket client that is not ours, so that it sees what a stranger sees"
)

// allowed is the whole table: protocol ← room ← shells, never the other way.
var allowed = map[string]imports{
	"protocol": {
		standard: []string{"bytes", "io", "math", "math/bits", "strconv", "strings", "sync", "unicode", "unicode/utf8"},
		modules:  map[string]string{"github.com/go-json-experiment/json/jsontext": tolerant},
	},
	"protocol/generate": {house: []string{"protocol", "room", "worker/abi"}},
	"room": {
		standard:    []string{"cmp", "crypto/subtle", "encoding/base64", "errors", "math", "math/bits", "slices", "strconv"},
		house:       []string{"protocol"},
		testHouse:   []string{"flight", "room/roomtest"},
		testModules: map[string]string{"pgregory.net/rapid": "shrinks a failing sequence of events to its shortest"},
	},
	"room/roomtest": {
		house:   []string{"protocol", "room"},
		modules: map[string]string{"github.com/go-json-experiment/json/jsontext": "reads frames in the order of their members"},
	},
	"room/roomtest/traces": {
		house: []string{"room", "room/roomtest"},
	},
	"flight": {
		house:   []string{"protocol", "room"},
		modules: map[string]string{"github.com/go-json-experiment/json": "lines of JSON that a person can read, and values by their names"},
	},
	"server/store":           {},
	"server/store/storetest": {house: []string{"server/store"}},
	"server/store/bolt": {
		house:     []string{"server/store"},
		testHouse: []string{"server/store/storetest"},
		modules:   map[string]string{"go.etcd.io/bbolt": "one file, one writer, and a commit that is fsynced: what durable before visible needs"},
	},
	"server/cluster/broker": {
		modules: map[string]string{
			"github.com/nats-io/nats-server/v2/server": "a replicated log with compare-and-set inside the process: a cluster of ushers needs nothing else",
			"github.com/nats-io/nats.go":               "the connection to it, and to one that an operator runs",
			"golang.org/x/sys/unix":                    "flock: one process a data folder",
		},
		testHouse: []string{"server/servertest"},
		testModules: map[string]string{
			"github.com/nats-io/jwt/v2": "credentials files, as operators' tools make them",
			"github.com/nats-io/nkeys":  "their keys",
		},
	},
	"server/cluster/stream": {
		house:     []string{"server/cluster/broker", "server/cluster/lease", "server/store"},
		testHouse: []string{"server/servertest", "server/store/storetest"},
		modules:   map[string]string{"github.com/nats-io/nats.go": "messages to JetStream; its API is spoken as documented, because each reply decides what is safe to do next"},
	},
	"server/frame": {
		standard: []string{"encoding/binary", "math/bits", "unicode/utf8"},
		testModules: map[string]string{
			"github.com/gobwas/ws": "a frame reader and writer that are not ours, to compare streams of frames with: it needs no socket, so millions can be",
		},
	},
	"server/metrics": {
		house:   []string{"protocol"},
		modules: map[string]string{"github.com/prometheus/client_golang": "what operators' dashboards read"},
	},
	"server/tracing": {
		house: []string{"server/metrics"},
		modules: map[string]string{
			"go.opentelemetry.io/otel":       "spans, sampling, queue and batches as operators know them, with their environment variables",
			"go.opentelemetry.io/proto/otlp": "the bytes of OTLP, without its gRPC service",
			"google.golang.org/protobuf":     "encodes them",
		},
		testHouse: []string{"server/tracing/tracingtest"},
	},
	"server/tracing/tracingtest": {
		modules: map[string]string{
			"go.opentelemetry.io/proto/otlp": "what a collector is sent",
			"google.golang.org/protobuf":     "decodes it",
		},
	},
	"server/cluster/lease": {
		standard:    []string{"cmp", "encoding/binary", "errors", "hash/crc32", "slices", "strings"},
		testModules: map[string]string{"pgregory.net/rapid": "shrinks a failing sequence of faults to its shortest"},
	},
	"server/auth": {
		house:   []string{"protocol", "room"},
		modules: map[string]string{"github.com/go-jose/go-jose/v4": "tokens, keys and key sets in one module without further ones; each parse names the algorithms that it takes (docs/design.md)"},
	},
	"server/servertest": {house: []string{"protocol"}},
	"server/turn":       {testHouse: []string{"server/servertest"}},
	"server/turn/relay": {
		house: []string{"server/address", "server/metrics", "server/turn"},
		modules: map[string]string{
			"github.com/pion/logging": "pion/turn logs through it: nowhere, because it would log addresses",
			"github.com/pion/stun/v4": "names the methods of requests",
			"github.com/pion/turn/v5": "the messages and timers of STUN and TURN",
		},
		testHouse: []string{"server/servertest"},
	},
	"server/edge": {
		house:     []string{"protocol", "room", "server/auth", "server/frame", "server/metrics", "server/tracing", "server/turn", "web"},
		modules:   map[string]string{"golang.org/x/sys/unix": "epoll for idle sockets"},
		testHouse: []string{"server/servertest"},
	},
	"server/report": {
		house:     []string{"room"},
		testHouse: []string{"protocol"},
	},
	"server/audit": {
		house:     []string{"room", "server/metrics", "server/report"},
		testHouse: []string{"protocol"},
	},
	"server/webhook": {
		house:     []string{"room", "server/address", "server/metrics", "server/report", "server/store"},
		modules:   map[string]string{"github.com/standard-webhooks/standard-webhooks/libraries/go": "signs as the specification does, which is its own"},
		testHouse: []string{"server/servertest", "server/store/bolt"},
	},
	"server/address": {standard: []string{"net/netip"}},
	"server/api": {
		house: []string{"protocol", "room", "server/auth", "server/edge", "server/metrics", "server/report", "server/rooms"},
	},
	"server/api/generate": {house: []string{"protocol", "server/api"}},
	"server/rooms": {
		house: []string{"flight", "protocol", "room", "server/metrics", "server/store", "server/tracing"},
	},
	"server/cluster/link": {
		house:     []string{"protocol", "room", "server/cluster/lease", "server/edge", "server/rooms", "server/tracing"},
		modules:   map[string]string{"github.com/nats-io/nats.go": "carries messages between nodes in order, over the connections that the cluster has anyway"},
		testHouse: []string{"server/cluster/link/linktest", "server/metrics", "server/servertest", "server/store"},
		testModules: map[string]string{
			"github.com/nats-io/nats-server/v2/server": "the server that the messages pass, in the test's process",
			"pgregory.net/rapid":                       "shrinks a failing sequence of faults to its shortest",
		},
	},
	"server/handover": {
		modules: map[string]string{"golang.org/x/sys/unix": "descriptors, and who sends them"},
	},
	"server/cluster/link/linktest": {house: []string{"server/cluster/link"}},
	"server/cluster": {
		house: []string{"protocol", "server/cluster/broker", "server/cluster/lease", "server/cluster/link", "server/cluster/stream", "server/edge", "server/metrics", "server/rooms", "server/tracing"},
		modules: map[string]string{
			"github.com/nats-io/nats.go":                     "the connection for frames between nodes",
			"github.com/prometheus/client_golang/prometheus": "the rows of /metrics",
			"golang.org/x/sys/unix":                          "the clock that goes on while a machine is suspended: a lease is over by it",
		},
		testHouse: []string{"room", "server/servertest", "server/store"},
	},
	"server": {
		house: []string{"flight", "protocol", "room", "server/api", "server/audit", "server/auth", "server/cluster", "server/edge", "server/handover", "server/metrics", "server/rooms", "server/store", "server/store/bolt", "server/tracing", "server/turn", "server/turn/relay", "server/webhook"},
		modules: map[string]string{
			"golang.org/x/crypto/acme": "certificates without a second program",
			"golang.org/x/sys/unix":    "the clock that goes on while a machine is suspended",
		},
		testHouse: []string{"room/roomtest", "server/cluster/link", "server/cluster/link/linktest", "server/cluster/broker", "server/cluster/stream", "server/servertest", "server/tracing/tracingtest"},
		testModules: map[string]string{
			"github.com/coder/websocket":     onlyTests,
			"github.com/go-jose/go-jose/v4":  "the claims of tokens",
			"github.com/nats-io":             "NATS servers of an operator, where each cluster of a test has an account",
			"github.com/pion/turn/v5":        "a TURN client",
			"go.opentelemetry.io/proto/otlp": "the spans that a collector got",

			"github.com/standard-webhooks/standard-webhooks/libraries/go": "verifies webhooks as receivers do",
		},
	},
	"doctor": { // the same
		modules: map[string]string{
			"github.com/coder/websocket": "a WebSocket client that is not ours, as browsers' ones are not",
			"github.com/pion/logging":    "pion/turn logs through it: nowhere, because it would log addresses",
			"github.com/pion/stun/v4":    "bindings, and the error codes of STUN and TURN",
			"github.com/pion/turn/v5":    "allocations and permissions of a TURN client",
		},
		testHouse: []string{"server", "server/servertest", "server/turn"},
	},
	"bench": { // it is any server's client: what it knows of the protocol is what travels
		modules: map[string]string{
			"github.com/coder/websocket":              "a WebSocket client that is not ours, as browsers' ones are not",
			"github.com/HdrHistogram/hdrhistogram-go": "percentiles of any number of times, in bounded memory",
		},
		testHouse: []string{"server", "server/servertest"},
	},
	"cmd/usher": {
		house: []string{"bench", "doctor", "flight", "protocol", "room", "server", "server/auth", "server/cluster", "server/cluster/broker", "server/cluster/stream", "server/edge", "server/store", "server/store/bolt", "server/tracing", "server/turn", "server/webhook"},
		modules: map[string]string{
			"github.com/alecthomas/kong":       "flags, environment and file from one struct",
			"github.com/coder/websocket":       "the bots of usher cluster demo, which are clients as any other",
			"github.com/coreos/go-systemd/v22": "sd_notify and socket activation, without cgo; 60 lines that follow systemd for us",
			"github.com/go-jose/go-jose/v4":    "the claims of the token that usher token makes",
			"github.com/goccy/go-yaml":         "knows the line and column of what it refuses",
		},
		testHouse: []string{"server/handover", "server/servertest"},
		testModules: map[string]string{
			"github.com/rogpeppe/go-internal/testscript": "sessions with the command as text",
			"golang.org/x/sys/unix":                      "the limits of a running process",
		},
	},
	"web":    {standard: []string{"embed", "io/fs"}},
	"worker": {house: []string{"worker/abi"}},
	"worker/abi": {
		standard: []string{"math", "strconv", "strings"},
		house:    []string{"protocol", "room"},
	},
	"test/bench": { // a module of its own: it measures from outside
		house: []string{"server/frame"}, // the bare relay that usher is measured against
		modules: map[string]string{
			"github.com/lesismal/nbio": "the second relay that usher is measured against",
			"golang.org/x/sys":         "epoll, and the CPU clock of another process",
		},
	},
	"test/bench/peers/go/rooms": {}, // a module of its own as well: servers to compare with
	"test/bench/peers/go/gorilla": {
		house:   []string{"test/bench/peers/go/rooms"},
		modules: map[string]string{"github.com/gorilla/websocket": "one of the libraries that usher is compared with"},
	},
	"test/bench/peers/go/coder": {
		house:   []string{"test/bench/peers/go/rooms"},
		modules: map[string]string{"github.com/coder/websocket": "one of the libraries that usher is compared with"},
	},
	"release": { // a module of its own: no server needs what writes packages
		modules: map[string]string{
			"github.com/CycloneDX/cyclonedx-go":      "the bill of materials as text",
			"github.com/CycloneDX/cyclonedx-gomod":   "reads a program's modules as their bill",
			"github.com/google/go-containerregistry": "images without a daemon: layers, manifests, layouts, registries",
			"github.com/goreleaser/nfpm/v2":          "deb and rpm without dpkg and rpmbuild, the same bytes each time",
			"github.com/rs/zerolog":                  "what keeps cyclonedx-gomod quiet",
			"golang.org/x/crypto/x509roots/fallback": "the authorities of Mozilla's program, as Go's team publishes them",
			"golang.org/x/mod/module":                "where a module lies in the cache",
		},
	},
	"test/attack": {
		house:   []string{"protocol"},
		modules: map[string]string{"github.com/coder/websocket": onlyTests},
	},
	"test/chaos": { // the stream is read by the packages that write it, once no usher runs any more
		house:     []string{"protocol", "room", "server/cluster/broker", "server/cluster/stream", "server/store"},
		testHouse: []string{"server/cluster/lease", "server/servertest"},
		modules:   map[string]string{"github.com/coder/websocket": onlyTests},
	},
	"test/crash": {
		house:   []string{"protocol"},
		modules: map[string]string{"github.com/coder/websocket": onlyTests},
	},
	"test/cluster": {
		testHouse:   []string{"server/servertest"},
		testModules: map[string]string{"github.com/coder/websocket": onlyTests},
	},
	"test/observe": {
		testModules: map[string]string{"github.com/goccy/go-yaml": "the alert rules"},
	},
	"test/deploy": { // a module of its own: Helm and Kubernetes are large
		testModules: map[string]string{
			"github.com/compose-spec/compose-go/v2": "the Compose Specification's schema, and the reader of docker compose",
			"helm.sh/helm/v4":                       "helm lint and helm template",
			"k8s.io/api":                            "the fields that Kubernetes knows",
			"sigs.k8s.io/yaml":                      "YAML as Kubernetes reads it",
		},
	},
	"test/tidy": {testHouse: []string{"protocol"}},
}

// TestImportsPointInward holds every package, its tests and all platforms to the table.
func TestImportsPointInward(t *testing.T) {
	for _, folder := range packages() {
		if _, ok := allowed[folder]; !ok {
			t.Errorf("%s has no row in the table of imports (test/tidy/import_test.go): give it one, with a reason for each module", folder)
			continue
		}
		for _, f := range goFiles(folder) {
			for _, spec := range f.ast.Imports {
				imported, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				if why := refusal(folder, f.isTest(), imported); why != "" {
					t.Errorf("%s: %s", f.at(spec), why)
				}
			}
		}
	}
	for folder, row := range allowed {
		if len(goFiles(folder)) == 0 {
			t.Errorf("the table of imports has a row for %s, which does not exist", folder)
		}
		for _, name := range slices.Concat(slices.Collect(maps.Keys(row.modules)), slices.Collect(maps.Keys(row.testModules))) {
			if !slices.ContainsFunc(goFiles(folder), func(f *file) bool { return f.imports(name) }) {
				t.Errorf("the table of imports lets %s import %s, which it does not: take the reason away with the thing", folder, name)
			}
		}
	}
}

// imports reports whether a file imports a package, or one below it.
func (f *file) imports(name string) bool {
	return slices.ContainsFunc(f.ast.Imports, func(spec *ast.ImportSpec) bool {
		path, err := strconv.Unquote(spec.Path.Value)
		return err == nil && within(path, name)
	})
}

// within reports whether an import path is a package or one below it.
func within(path, name string) bool {
	return path == name || strings.HasPrefix(path, name+"/")
}

// refusal says why a package may not import another, "" where it may.
func refusal(folder string, test bool, imported string) string {
	row := allowed[folder]
	house, modules := row.house, slices.Collect(maps.Keys(row.modules))
	if test {
		house = append(slices.Concat(house, row.testHouse), folder)
		modules = slices.AppendSeq(modules, maps.Keys(row.testModules))
	}
	if inner, ok := strings.CutPrefix(imported, module+"/"); ok {
		if !slices.Contains(house, inner) {
			return fmt.Sprintf("%s imports %s. The direction is protocol ← room ← shells: what is further in knows nothing of what is further out", folder, inner)
		}
		return ""
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		if row.standard != nil && !test && !slices.Contains(row.standard, imported) {
			return fmt.Sprintf("%s imports %s. It links nothing that is large in Wasm, reads no clock, draws no randomness, takes no lock and writes no log. The standard library that it may use is %s", folder, imported, strings.Join(row.standard, ", "))
		}
		return ""
	}
	if !slices.ContainsFunc(modules, func(m string) bool { return within(imported, m) }) {
		return fmt.Sprintf("%s imports %s. Each module is one more to trust and to update: it needs a reason in the table of imports", folder, imported)
	}
	return ""
}

// TestCoreLinksNoReflection asks the go command, because a package that is
// imported may import others.
func TestCoreLinksNoReflection(t *testing.T) {
	for _, to := range targets {
		for _, folder := range []string{"protocol", "room", "worker/abi"} {
			linked := goCommand(t, to, "list", "-deps", "./"+folder)
			for _, banned := range []string{"fmt", "encoding/json", "reflect"} {
				if slices.Contains(linked, banned) {
					t.Errorf("%s links %s (%s), by %s. It costs size, start time and speed in Wasm", folder, banned, to, strings.Join(importers(t, to, folder, banned), ", "))
				}
			}
		}
	}
}

// importers are those of what folder links that import a package themselves.
func importers(t *testing.T, to target, folder, imported string) (names []string) {
	for _, line := range goCommand(t, to, "list", "-deps", "-f", `{{$p := .ImportPath}}{{range .Imports}}{{$p}}>{{.}} {{end}}`, "./"+folder) {
		if name, what, _ := strings.Cut(line, ">"); what == imported {
			names = append(names, name)
		}
	}
	return names
}

// TestCoreBuildsForWasm: the Worker is the same packages.
func TestCoreBuildsForWasm(t *testing.T) {
	goCommand(t, target{"wasip1", "wasm"}, "build", "./protocol", "./room", "./worker/abi", "./worker")
}

// TestNodeModulesAreIgnored: npm packages hold Go files, which ./... would build and test.
func TestNodeModulesAreIgnored(t *testing.T) {
	for _, line := range strings.Split(read(t, "go.mod"), "\n") {
		if fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "ignore ")); len(fields) > 0 && fields[0] == "node_modules" {
			return
		}
	}
	t.Error("go.mod needs the line `ignore node_modules`, in that form: it ignores the folder at every depth, `./node_modules` only at the root. npm packages hold Go files, which ./... would build and test")
}
