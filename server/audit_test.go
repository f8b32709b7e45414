package server

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"usher/server/auth"
)

// What a host does is in the audit log when others have seen it and the server has ended, in the
// file that SIGHUP has opened.
func TestAuditLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	s := serve(t, func(c *Config) { c.AuditLog = path })
	ann := s.open("room-1", "ann")
	ann.create()
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	bob := s.open("room-1", "bob")
	bob.join()
	ann.expect("USER_JOINED")
	ann.say("KICK_USER", `"targetUserId":"bob"`)
	ann.expect("USER_LEFT")
	ann.say("LEAVE_ROOM")
	ann.closed(1000)
	s.stop()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), "\n") != 1 || !strings.Contains(string(text), `"type":"user.kicked"`) ||
		!strings.Contains(string(text), `"actor":{"userId":"ann","role":"HOST"}`) {
		t.Errorf("the log is\n%s", text)
	}
}

// What an operator has a room created for is in the log with the room's id, also if the server has
// chosen that, and with a time like every other.
func TestAuditLogNamesTheRoomThatAnOperatorCreates(t *testing.T) {
	t.Parallel()
	key, hash := auth.NewAPIKey()
	dir := t.TempDir()
	path, keys := filepath.Join(dir, "audit.log"), filepath.Join(dir, "keys")
	if err := os.WriteFile(keys, []byte("shop "+hash+" rooms\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, func(c *Config) { c.AuditLog, c.APIKeyFile = path, keys })
	s.keepPrivate(key)
	(&program{running: s, keys: map[string]string{"rooms": key}}).ok(http.StatusCreated, "rooms", http.MethodPost, "/rooms", "{}")
	s.stop()
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`"type":"api.createRoom","timestamp":"[^".]+(\.\d{1,3})?Z","data":{"roomId":"[^"]+"`).Match(log) {
		t.Errorf("the log is\n%s", log)
	}
}
