package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// Servers that are workerd with a bundle in it: usher's worker, the peer in peer/ and the probe of
// start.go. They come from the programs that `npm ci` puts into node_modules.

// workerVariables are the worker's settings, only here, because they may be renamed. Like
// usherFlags they raise only the limits that one machine's load would meet; the bindings of rate
// limits are left out, as the worker lets them be.
var workerVariables = [][2]string{
	{"ALLOW_ORIGINS", "*"},
	{"ICE_SERVERS", "[]"},
	{"MESSAGE_RATE", "1000000"}, {"MESSAGE_BURST", "1000000"},
	{"BYTE_RATE", "1073741824"}, {"BYTE_BURST", "1073741824"},
	{"IDLE_TIMEOUT_MS", "3600000"}, // who only receives sends no PING here
}

// bundle is the files of a worker, by absolute paths.
type bundle struct {
	kind    kind
	modules []string // the main one first
	wasm    string   // a module as well, except of the probe; "" for none
}

// workerTools are the programs of node_modules, and the settings of the platform in wrangler.toml.
type workerTools struct {
	folder        string // worker/, absolute
	modules       string // node_modules, absolute
	workerd       string
	compatibility string // the lines of a workerd config
}

func findWorkerTools(repository string) (*workerTools, error) {
	var t workerTools
	var err error
	if t.folder, err = filepath.Abs(filepath.Join(repository, "worker")); err != nil {
		return nil, err
	}
	// This is the program itself; node_modules/.bin has a script that starts it on some platforms.
	platform := map[string]string{"amd64": "64", "arm64": "arm64"}[runtime.GOARCH]
	t.modules = filepath.Join(t.folder, "../node_modules")
	t.workerd = filepath.Join(t.modules, "@cloudflare/workerd-linux-"+platform, "bin/workerd")
	if _, err := os.Stat(t.workerd); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no workerd in %s; run: npm ci --prefix %s", t.modules, filepath.Dir(t.modules))
	}
	settings, err := os.ReadFile(filepath.Join(t.folder, "wrangler.toml"))
	if err != nil {
		return nil, err
	}
	date := regexp.MustCompile(`(?m)^compatibility_date = ("[-0-9]+")`).FindSubmatch(settings)
	if date == nil {
		return nil, errors.New("wrangler.toml has no compatibility_date")
	}
	t.compatibility = "compatibilityDate = " + string(date[1])
	// A list of texts is written alike in both languages.
	if flags := regexp.MustCompile(`(?m)^compatibility_flags = (\[.*\])`).FindSubmatch(settings); flags != nil {
		t.compatibility += ",\n  compatibilityFlags = " + string(flags[1])
	}
	return &t, nil
}

// run runs a program of node_modules, by the node that is there.
func (t *workerTools) run(ctx context.Context, program string, args ...string) error {
	bin := filepath.Join(t.modules, ".bin")
	command := exec.CommandContext(ctx, filepath.Join(bin, program), args...)
	command.Dir = t.folder
	command.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		// Neither asks the network anything.
		"WRANGLER_SEND_METRICS=false", "WRANGLER_HIDE_BANNER=true")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, output)
	}
	return nil
}

// workerBundle makes the bundle that would be deployed, its Wasm rebuilt, or takes the one in the
// folder given.
func (w *workshop) workerBundle(given string) (b bundle, err error) {
	if given == "" {
		given = filepath.Join(w.folder, "bundle")
		if err := w.tools.run(w.ctx, "wrangler", "deploy", "--dry-run", "--env=", "--outdir="+given); err != nil {
			return b, err
		}
	}
	if given, err = filepath.Abs(given); err != nil {
		return b, err
	}
	modules, _ := filepath.Glob(filepath.Join(given, "*.wasm"))
	if len(modules) != 1 {
		return b, fmt.Errorf("%d Wasm modules in %s, not 1", len(modules), given)
	}
	return bundle{kindWorker, []string{filepath.Join(given, "index.js")}, modules[0]}, nil
}

// ownBundle makes the peer or the probe of its source in peer/.
func (w *workshop) ownBundle(k kind) (bundle, error) {
	source, made := filepath.Join(w.tools.folder, "../test/bench/peer", string(k)+".ts"), filepath.Join(w.folder, string(k)+".js")
	err := w.tools.run(w.ctx, "esbuild", source, "--bundle", "--format=esm", "--target=es2024", "--external:cloudflare:workers", "--outfile="+made)
	return bundle{kind: k, modules: []string{made}}, err
}

// serve starts workerd with a bundle.
func (w *workshop) serve(b bundle) (*server, error) {
	return w.startAs(b.kind, func(s *server) (string, []string, error) { return w.workerdCommand(b, s) })
}

func (w *workshop) workerdCommand(b bundle, s *server) (program string, args []string, err error) {
	data, config := filepath.Join(s.folder, "data"), filepath.Join(s.folder, "config.capnp")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", nil, err
	}
	args = []string{"serve", "--import-path=/", config} // embed takes absolute paths from there
	if b.kind == kindProbe {
		args = append(args, "--experimental") // it compiles a module while it runs
	}
	return w.tools.workerd, args, os.WriteFile(config, []byte(workerdConfig(s.address, w.tools, b, data)), 0o600)
}

// workerdConfig is a config of workerd (workerd.capnp describes it).
func workerdConfig(listen netip.AddrPort, t *workerTools, b bundle, data string) string {
	var modules, bindings, objects strings.Builder
	for _, path := range b.modules {
		fmt.Fprintf(&modules, "    (name = %q, esModule = embed %q),\n", filepath.Base(path), path)
	}
	switch b.kind {
	case kindProbe:
		fmt.Fprintf(&bindings, "    (name = \"EVAL\", unsafeEval = void),\n    (name = \"WASM\", data = embed %q),\n", b.wasm)
	case kindWorker:
		fmt.Fprintf(&modules, "    (name = %q, wasm = embed %q),\n", filepath.Base(b.wasm), b.wasm)
		for _, v := range workerVariables {
			fmt.Fprintf(&bindings, "    (name = %q, text = %q),\n", v[0], v[1])
		}
		fallthrough
	case kindPeer, kindParty:
		binding, class := "ROOM", "RoomState"
		if b.kind == kindParty {
			binding, class = "Signaling", "Signaling"
		}
		fmt.Fprintf(&bindings, "    (name = %q, durableObjectNamespace = (className = %q)),\n", binding, class)
		fmt.Fprintf(&objects, "\n  durableObjectNamespaces = [(className = %q, uniqueKey = \"bench\", enableSql = true)],"+
			"\n  durableObjectStorage = (localDisk = \"disk\"),", class)
	}
	return fmt.Sprintf(`using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "disk", disk = (path = %q, writable = true)),
  ],
  sockets = [(name = "http", address = %q, http = (), service = "main")],
);

const worker :Workerd.Worker = (
  %s,
  modules = [
%s  ],
  bindings = [
%s  ],%s
);
`, data, listen, t.compatibility, &modules, &bindings, &objects)
}

// gzippedBytes is a file's size as it counts towards the platform's limit.
func gzippedBytes(path string) (int, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	var zipped bytes.Buffer
	to := gzip.NewWriter(&zipped)
	_, err = to.Write(content)
	err = errors.Join(err, to.Close())
	return zipped.Len(), err
}

// aboutWorkerd describes what the bundles ran in.
func (w *workshop) aboutWorkerd() string {
	ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
	defer cancel()
	version, err := exec.CommandContext(ctx, w.tools.workerd, "--version").Output()
	if err != nil {
		return err.Error()
	}
	what := "the worker, its Wasm by " + runtime.Version()
	if w.program != "" {
		what = "the worker's bundle " + w.program
	}
	return fmt.Sprintf("%s, in %s, %s", what, bytes.TrimSpace(version), w.tools.compatibility)
}
