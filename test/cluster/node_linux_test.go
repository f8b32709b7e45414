package cluster

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"usher/server/servertest"
)

// patience bounds every wait. What is waited for comes much sooner, also on a busy machine.
const patience = servertest.Patience

// node is a running usher.
type node struct {
	address string
	cmd     *exec.Cmd
}

// built makes usher once for all tests.
var built = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "usher-cluster-")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", folder+"/usher", "usher/cmd/usher").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return folder + "/usher", nil
})

func TestMain(m *testing.M) {
	status := m.Run()
	if program, err := built(); err == nil {
		_ = os.RemoveAll(filepath.Dir(program))
	}
	os.Exit(status)
}

// spawn starts a program that ends with the test. What it says is shown if the test fails.
func spawn(t *testing.T, name string, program string, args ...string) *exec.Cmd {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")} // no USHER_ settings
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		text, _ := os.ReadFile(log.Name())
		_ = log.Close()
		if t.Failed() {
			t.Logf("%s:\n%s", name, text)
		}
	})
	return cmd
}

// launch starts three nodes and returns once each owns its part of the shards.
func launch(t *testing.T) (nodes [3]*node) {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(hex.EncodeToString(random)), 0o600); err != nil {
		t.Fatal(err)
	}
	addresses := servertest.FreeAddresses(t, 6)
	listen, peers := addresses[:3], addresses[3:]
	for i := range nodes {
		nodes[i] = &node{address: listen[i], cmd: spawn(t, fmt.Sprint("node ", i+1), program, "serve", "--listen", listen[i],
			"--data", t.TempDir(), "--trusted-proxy", "127.0.0.1", "--cluster-listen", peers[i], "--cluster-link-listen", "127.0.0.1:0",
			"--cluster-peers", strings.Join(peers, ","), "--cluster-secret-file", secret)}
	}
	for _, n := range nodes {
		eventually(t, "the node owns a third of the shards", func() bool {
			shards := n.metric(t, "usher_cluster_shards")
			return shards >= 341 && shards <= 342
		})
	}
	return nodes
}

// metric reads one of the node's, -1 if there is none.
func (n *node) metric(t *testing.T, name string) float64 {
	t.Helper()
	status, body := get(t, "http://"+n.address+"/metrics")
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(body)
	if status != http.StatusOK || found == nil {
		return -1
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// get returns 0 if nobody listens.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: ", what)
		}
	}
}
