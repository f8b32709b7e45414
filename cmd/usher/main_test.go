package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"usher/server"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

func TestMain(m *testing.M) {
	if os.Getenv(demoProgram) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"usher": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			// otherwise each command sleeps for a second at its end
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			// This is what PowerShell writes with >, which no text archive can contain.
			return os.WriteFile(filepath.Join(env.WorkDir, "utf16.yaml"), []byte("\xff\xfep\x00a\x00"), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"keep-room": keepRoom, "serve-node": serveNode},
	})
}

func TestAByteOrderMarkIsNoPartOfASecret(t *testing.T) {
	for written, want := range map[string]string{"s3cret": "s3cret", "\ufeffs3cret\r\n": "s3cret", "s3\ufeffcret\n": "s3\ufeffcret"} {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(written), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := (&settings{TURNSecretFile: path}).turnSecret(); got != want || err != nil {
			t.Errorf("%q is read as %q, %v", written, got, err)
		}
	}
}

// parsed returns the commands as parsed from the command line.
func parsed(t *testing.T, args ...string) *cli {
	t.Helper()
	commands := &cli{}
	parser, err := newParser(commands, origins{}, &bytes.Buffer{}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		t.Fatal(err)
	}
	return commands
}

func TestDefaultsAreThoseOfTheServer(t *testing.T) {
	got, err := parsed(t, "serve").Serve.serverConfig()
	if err != nil {
		t.Fatal(err)
	}
	want := server.DefaultConfig()
	got.Log = want.Log
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the flags' defaults give\n%+v\nbut the server's are\n%+v", got, want)
	}
}

// A flag that takes true or false shows its default in the help, if it has one.
func TestTheHelpShowsTheDefaultsOfChoices(t *testing.T) {
	parser, err := newParser(&cli{}, origins{}, &bytes.Buffer{}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range parser.Model.Leaves(false) {
		for _, flag := range command.Flags {
			if flag.Target.Type() != reflect.TypeFor[choice]() {
				continue
			}
			if shown := slices.Contains(strings.Split(flag.Tag.Get("choices"), ","), flag.PlaceHolder); shown && flag.PlaceHolder != flag.Default || !shown && flag.HasDefault {
				t.Errorf("usher %s --help shows --%s=%s, and the default is %q", command.Path(), flag.Name, flag.PlaceHolder, flag.Default)
			}
		}
	}
}

// Each setting must reach the server: a value other than the default must make a different Config.
func TestEverySettingReachesTheServer(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	otherSecret := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(otherSecret, []byte("an0ther\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{
		"allow-origin": "https://a.example", "trusted-proxy": "10.0.0.0/8", "listen": ":1", "data": "x",
		"ice-server": "stun:a.example", "turn-secret": "x", "turn-secret-file": secret,
		"turn-listen": ":3", "turn-tls-listen": ":4", "turn-public-address": "192.0.2.1", "turn-host": "turn.example", "turn-ports": "5000-6000",
		"turn-allow-peers": "10.0.0.0/8", "turn-seat-allocations": "3", "turn-lifetime": "1h", "turn-seat-bandwidth": "1MiB",
		"turn-ttl": "1h", "turn-open": "true", "list-rooms": "true", "turn-key-id": "k", "turn-key-token-file": otherSecret,
		"tls-cert": "c", "tls-key": "k", "tls-domain": "a.example", "acme-directory": "https://acme.example", "acme-email": "x@a.example",
		"cluster-listen": ":2", "cluster-peers": "b.example:1", "cluster-secret-file": otherSecret, "cluster-address": "b.example:80",
		"cluster-node": "n1", "cluster-link-listen": ":3", "cluster-credentials": "c.creds", "cluster-sync-assured": "true",
		"cluster-system-credentials": "s.creds", "cluster-tls-cert": "c", "cluster-tls-key": "k", "cluster-tls-ca": "a",
		"flight-recorder": "1MiB", "audit-log": "a", "webhook-url": "https://a.example", "webhook-secret-file": secret, "webhook-events": "room.ended", "webhook-allow-private": "true", "webhook-allow-http": "true", "audit-names": "true", "page": "false", "auth-create": "false", "tokenless-rejoin": "never", "max-store": "16MiB", "max-memory": "1GiB", "metrics-listen": ":2", "otlp-endpoint": "http://localhost:4318", "address-join-burst": "301", "max-people": "3", "max-knocks": "30", "max-frame": "5000", "max-pending": "2MiB",
	}
	notServer := map[string]bool{"log-level": true, "log-format": true}
	parser, err := newParser(&cli{}, origins{}, &bytes.Buffer{}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	// Some settings count only beside others.
	embedded := []string{"--cluster-listen", ":1", "--cluster-peers", "a.example:1", "--cluster-secret-file", secret}
	external := []string{"--cluster", "nats://a.example"}
	beside := map[string][]string{
		"cluster-listen": embedded, "cluster-peers": embedded, "cluster-secret-file": embedded, "cluster-address": embedded, "cluster-node": embedded, "cluster-link-listen": embedded,
		"cluster-credentials": external, "cluster-sync-assured": external,
		"cluster-system-credentials": external, "cluster-tls-cert": embedded, "cluster-tls-key": embedded, "cluster-tls-ca": external,
	}
	configOf := func(args ...string) server.Config {
		settings := parsed(t, append([]string{"serve"}, args...)...).Serve.settings
		// Validate may complain about a related setting that is missing
		config, _ := settings.serverConfig()
		config.Log = nil
		return config
	}
	for _, flag := range settingsOf(command(parser.Model.Node, "serve")) {
		value, ok := values[flag.Name]
		if !ok && flag.Target.Type() == reflect.TypeFor[duration]() {
			value = "1m1s"
		} else if !ok {
			value = "300"
		}
		if notServer[flag.Name] {
			continue
		}
		others := beside[flag.Name]
		got := configOf(append(slices.Clone(others), "--"+flag.Name, value)...)
		if reflect.DeepEqual(got, configOf(others...)) {
			t.Errorf("--%s %s changes nothing", flag.Name, value)
		}
	}
}

func TestBoundsAreThoseOfTheServer(t *testing.T) {
	commands := &cli{}
	parser, err := newParser(commands, origins{}, &bytes.Buffer{}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range settingsOf(command(parser.Model.Node, "serve")) {
		for tag, step := range map[string]int64{"min": -1, "max": 1} {
			bound := flag.Tag.Get(tag)
			if bound == "" || flag.Name == "max-store" || flag.Name == "max-memory" {
				continue
			}
			if _, err := parser.Parse([]string{"serve", "--" + flag.Name, bound}); err != nil {
				t.Fatal(err)
			}
			// Not "must be more than drain-spread", which is not a bound of its own.
			complaint := regexp.MustCompile(flag.Name + ` must be \S+ to `)
			if _, err := commands.Serve.serverConfig(); err != nil && complaint.MatchString(err.Error()) {
				t.Errorf("its %s %s is refused: %v", tag, bound, err)
			}
			if flag.Target.Type() == reflect.TypeFor[duration]() {
				step *= int64(time.Millisecond)
			}
			flag.Target.SetInt(flag.Target.Int() + step)
			if _, err := commands.Serve.serverConfig(); err == nil || !complaint.MatchString(err.Error()) {
				t.Errorf("beyond the %s %s of %s the server says %v", tag, bound, flag.Name, err)
			}
		}
	}
}

func TestConfigWritesAFileForConfig(t *testing.T) {
	show := func(args ...string) string {
		t.Helper()
		var out, stderr bytes.Buffer
		if status := run(append([]string{"config"}, args...), &out, &stderr); status != 0 {
			t.Fatalf("config %q exits with %d: %s", args, status, stderr.String())
		}
		return out.String()
	}
	withoutOrigins := func(text string) string {
		return regexp.MustCompile(`(?m) +# (default|flag|env|file).*$`).ReplaceAllString(text, "")
	}
	secret := filepath.Join(t.TempDir(), `"#: , a\\secret`)
	if err := os.WriteFile(secret, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	first := show("--listen", ":8080", "--seat-grace", "40m1s", "--seat-grace", "1m30s", "--room-idle", "2d",
		"--max-frame", "65537", "--allow-origin", "https://a.example,chrome-extension://*", "--trusted-proxy", "fd00::/8",
		"--ice-server", "stun:[::1]:3478;stuns:a.example", "--data", "null", "--turn-secret-file", secret)
	path := filepath.Join(t.TempDir(), "usher.yaml")
	if err := os.WriteFile(path, []byte(first), 0o600); err != nil {
		t.Fatal(err)
	}
	if second := show("--config", path); withoutOrigins(second) != withoutOrigins(first) {
		t.Errorf("wrote\n%s\nand read it as\n%s", first, second)
	}
	if !strings.Contains(first, "room-idle: 2d ") {
		t.Errorf("no room-idle: 2d in\n%s", first)
	}
}
