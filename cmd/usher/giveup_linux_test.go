package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"
)

// limitFiles bounds the size of the files that the server writes.
func (u *upgradable) limitFiles(bytes uint64) {
	u.t.Helper()
	limit := unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}
	if err := unix.Prlimit(u.pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		u.t.Fatal(err)
	}
}

// The store fails, a room is given up, and usher replay shows what happened in it.
func TestARoomThatIsGivenUpCanBeReplayed(t *testing.T) {
	t.Parallel()
	u := startUpgradable(t, "--flight-recorder", "1MiB")
	ann, _, err := websocket.Dial(t.Context(), "ws://"+u.address+"/ws?roomId=given-up", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ann.CloseNow()
	say := func(text string) {
		t.Helper()
		if err := ann.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	say(`{"type":"CREATE_ROOM","roomId":"given-up","userId":"ann","userName":"Ann","protocol":1,"timestamp":1}`)
	if _, reply, err := ann.Read(t.Context()); err != nil || !strings.Contains(string(reply), "ROOM_CREATED") {
		t.Fatalf("%s, %v", reply, err)
	}
	// bbolt's two meta pages fit, and a small dump; no page of a room does.
	u.limitFiles(2 * uint64(os.Getpagesize()))
	say(`{"type":"RENAME_USER","roomId":"given-up","userId":"ann","newUserName":"Anna","timestamp":1}`)
	for err == nil {
		_, _, err = ann.Read(t.Context())
	}
	if websocket.CloseStatus(err) != websocket.StatusTryAgainLater {
		t.Fatal(err)
	}
	var dumps []string
	u.eventually("a dump is written", func() bool {
		dumps, _ = filepath.Glob(filepath.Join(u.data(), "dumps", "*.jsonl"))
		return len(dumps) > 0 && strings.Contains(u.logged(), "look at it with usher replay")
	})
	for _, dump := range dumps {
		var out, errs bytes.Buffer
		status := run([]string{"replay", dump, "--svg", filepath.Join(t.TempDir(), "room.svg")}, &out, &errs)
		if status != 0 || !strings.Contains(out.String(), "CREATE_ROOM") || !strings.HasSuffix(out.String(), "The same effects.\n") {
			t.Errorf("status %d, %s%s", status, &out, &errs)
		}
		if strings.Contains(out.String(), "given-up") || strings.Contains(out.String(), "Ann") {
			t.Errorf("it has names: %s", &out)
		}
	}
}
