package broker

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var testSecret = []byte("a secret of the tests, and long enough")

// wantError checks the kind, and that problem and hint name what they must.
func wantError(t *testing.T, err, kind error, problem, advice string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, kind) || !strings.Contains(e.Problem, problem) || !strings.Contains(e.Hint, advice) {
		if e != nil {
			t.Errorf("the error is %v, with the hint %q; want %v, %q, %q", err, e.Hint, kind, problem, advice)
			return
		}
		t.Errorf("the error is %v; want %v", err, kind)
	}
}

// Settings that cannot work are refused before anything is started, each with what to do.
func TestWrongSettings(t *testing.T) {
	three := []string{"127.0.0.1:7001", "127.0.0.1:7002", "127.0.0.1:7003"}
	for _, row := range []struct {
		name           string
		change         func(*Config)
		kind           error
		problem, hints string
	}{
		{"a short secret", func(c *Config) { c.Secret = []byte("short") }, ErrConfig, "5 bytes", "urandom"},
		{"no folder", func(c *Config) { c.Dir = "" }, ErrConfig, "no data folder", "outlives"},
		{"a node id with a dot", func(c *Config) { c.NodeID = "a.b" }, ErrConfig, `"a.b"`, "letters"},
		{"two peers", func(c *Config) { c.Peers = three[:2] }, ErrPeers, "there are 2", "even number"},
		{"four peers", func(c *Config) { c.Peers = append(three[:3:3], "127.0.0.1:7004") }, ErrPeers, "there are 4", "even number"},
		{"no peers", func(c *Config) { c.Peers = nil }, ErrPeers, "there are 0", "three, or five"},
		{"a peer twice", func(c *Config) { c.Peers = []string{three[0], three[0], three[1]} }, ErrPeers, "twice", "once"},
		{"a peer in two spellings", func(c *Config) { c.Peers = []string{three[0], three[1], "localhost:7001"} }, ErrPeers, "as 127.0.0.1:7001 too", "once"},
		{"a name in two cases", func(c *Config) { c.Peers = []string{three[0], "node:7001", "Node.:07001"} }, ErrPeers, "as node:7001 too", "once"},
		{"a peer without a port", func(c *Config) { c.Peers = []string{three[0], three[1], "node"} }, ErrPeers, `"node"`, "host:port"},
		{"a peer with port 0", func(c *Config) { c.Peers = []string{three[0], three[1], "node:0"} }, ErrPeers, `"node:0"`, "host:port"},
		{"self is missing", func(c *Config) { c.Listen = "127.0.0.1:7009" }, ErrPeers, "0 of", "which one this node is"},
		{"an unknown self", func(c *Config) { c.Advertise = "node:7001" }, ErrPeers, "not among", "spelt the same"},
		{"no port to listen on", func(c *Config) { c.Listen = "here" }, ErrListen, `"here"`, ":port"},
	} {
		c := Config{Listen: three[0], Peers: three, Secret: testSecret, Dir: t.TempDir()}
		row.change(&c)
		b, err := Open(c)
		if err == nil {
			b.Close()
		}
		t.Run(row.name, func(t *testing.T) { wantError(t, err, row.kind, row.problem, row.hints) })
	}
}

// A node finds itself among the peers, by its address as it is written or by its port.
func TestSelf(t *testing.T) {
	for _, row := range []struct{ listen, advertise, want string }{
		{"127.0.0.1:7002", "", "127.0.0.1:7002"},
		{":7002", "", "127.0.0.1:7002"},
		{"0.0.0.0:7002", "", "127.0.0.1:7002"},
		{":9999", "node.invalid:7003", "node.invalid:7003"},
	} {
		c := Config{Listen: row.listen, Advertise: row.advertise, Peers: []string{"192.0.2.1:7002", "127.0.0.1:7002", "node.invalid:7003"}, Secret: testSecret, Dir: "x"}
		if got, err := c.check(); err != nil || got != row.want {
			t.Errorf("%+v is %q, %v", row, got, err)
		}
	}
}

// The folder belongs to one cluster, one node and one process.
func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	f, err := openFolder(dir, "", "cluster")
	if err != nil || !validID(f.node) {
		t.Fatalf("%+v, %v", f, err)
	}
	_, err = openFolder(dir, "", "cluster")
	wantError(t, err, ErrLocked, "in use", "of its own")
	f.close()
	again, err := openFolder(dir, "", "cluster")
	if err != nil || again.node != f.node {
		t.Fatalf("the id %q has become %+v, %v", f.node, again, err)
	}
	again.close()
	_, err = openFolder(dir, "", "another")
	wantError(t, err, ErrFolder, "another secret", "was changed on every node")
	_, err = openFolder(dir, "", externalCluster)
	wantError(t, err, ErrFolder, "whose NATS was embedded, and this one's is external", "another folder")
	_, err = openFolder(dir, "node-b", "cluster")
	wantError(t, err, ErrFolder, "not node-b", "its own folder")
	for text, problem := range map[string]string{
		`{"format":2,"node":"a","cluster":"cluster"}`: "format 2",
		`{`: "cannot be read",
		`{"format":1,"node":"../x","cluster":"cluster"}`: "cannot be read",
	} {
		if err := os.WriteFile(filepath.Join(dir, "identity"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = openFolder(dir, "", "cluster")
		wantError(t, err, ErrFolder, problem, "")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = openFolder(file, "", "cluster")
	wantError(t, err, ErrFolder, file, "write to")
}

// Versions are compared by their numbers.
func TestVersions(t *testing.T) {
	for version, good := range map[string]bool{
		"2.15.2": true, "2.15.10": true, "v2.16.0": true, "3.0.0": true, "2.15.3-preview.1": true,
		"2.15.1": false, "2.9.99": false, "2.15": false, "": false, "dev": false,
	} {
		err := checkVersion("server", version)
		if good && err != nil {
			t.Errorf("%q: %v", version, err)
		}
		if !good {
			wantError(t, err, ErrTooOld, version, MinVersion)
		}
	}
}
