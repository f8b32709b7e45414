package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"usher/protocol"
	"usher/server/cluster/broker"
)

// serveNode is the script command serve-node STATUS SECRET: a server sends the file STATUS as
// /cluster/status, and takes SECRET for that of its cluster, in which only the node b can be
// drained. After a drain it sends the file gone.json. Its address is in $NODE.
func serveNode(ts *testscript.TestScript, _ bool, args []string) {
	status := []byte(ts.ReadFile(args[0]))
	gone, _ := os.ReadFile(ts.MkAbs("gone.json"))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cluster/status", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(status) })
	mux.HandleFunc("POST /cluster/drain", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer "+broker.OperatorToken([]byte(args[1])):
			w.WriteHeader(http.StatusUnauthorized)
		case r.FormValue("node") != "b":
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"error":"no node ` + r.FormValue("node") + ` is up"}`))
		default:
			status = gone
			w.WriteHeader(http.StatusAccepted)
		}
	})
	server := httptest.NewServer(mux)
	ts.Defer(server.Close)
	ts.Setenv("NODE", server.URL)
}

// The port for frames is the next one, and on one machine none that another node may have.
func TestPortForLinks(t *testing.T) {
	for _, row := range []struct {
		given, listen string
		peers         list
		want          string
	}{
		{"", "10.0.0.1:6222", list{"10.0.0.1:6222", "10.0.0.2:6222", "10.0.0.3:6222"}, "10.0.0.1:6223"},
		{"", ":6222", list{"a:6222", "b:6222", "c:6222"}, ":6223"},
		{"", "[fd00::1]:6222", list{"[fd00::1]:6222"}, "[fd00::1]:6223"},
		{"", "127.0.0.1:6221", list{"127.0.0.1:6221", "127.0.0.1:6222", "127.0.0.1:6223"}, "127.0.0.1:6224"},
		{"", "127.0.0.1:6223", list{"127.0.0.1:6221", "127.0.0.1:6222", "127.0.0.1:6223"}, "127.0.0.1:6226"},
		{"off", "10.0.0.1:6222", nil, ""},
		{":7000", "10.0.0.1:6222", nil, ":7000"},
		{"", "", nil, ""},
		{"10.0.0.1:6223", "", nil, "10.0.0.1:6223"},
		{"", "here", nil, ""}, // which is refused for itself
	} {
		s := &settings{ClusterLinkListen: row.given, ClusterListen: row.listen, ClusterPeers: row.peers}
		if got := s.linkListen(); got != row.want {
			t.Errorf("%+v is %q", row, got)
		}
	}
}

// The demo runs as users run it, only shorter, and leaves nothing behind.
func TestDemoShowsARoomThatSurvivesItsOwner(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it kills a process")
	}
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv(demoProgram, "1") // so that the nodes are this test's binary
	var out, stderr bytes.Buffer
	if status := run([]string{"cluster", "demo", "--kill-after", "500ms", "--linger", "0s"}, &out, &stderr); status != 0 {
		t.Fatalf("status %d\n%s\n%s", status, out.String(), stderr.String())
	}
	if !regexp.MustCompile(`(?m)^The room was silent for .* Seats kept: 3 of 3\. Host: ann\.$`).MatchString(out.String()) {
		t.Error(out.String())
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

// What the demo says of the host is what the server has told its bots.
func TestBotsKnowTheHost(t *testing.T) {
	for _, row := range []struct {
		message protocol.ResponseMessage
		want    string
	}{
		{protocol.RoomJoinedMessage{Seating: protocol.Seating{RoomState: protocol.RoomState{HostID: "bob"}}}, "bob"},
		{protocol.HostChangedMessage{NewHostID: "bob", PreviousHostID: "ann"}, "bob"},
		{protocol.UserLeftMessage{Departure: protocol.Departure{LeftUserID: "ann", NewHostID: "bob"}}, "bob"},
		{protocol.UserLeftMessage{Departure: protocol.Departure{LeftUserID: "cy"}}, "ann"},
	} {
		b := &bot{botState: botState{host: "ann"}}
		var m botMessage
		if err := json.Unmarshal(row.message.Append(nil), &m); err != nil {
			t.Fatal(err)
		}
		b.obey(nil, &m)
		if b.host != row.want {
			t.Errorf("after %+v the host is %s, not %s", row.message, b.host, row.want)
		}
	}
}

// demoProgram is a variable with which the test's binary is usher.
const demoProgram = "DEMO_NODE_OF_A_TEST"
