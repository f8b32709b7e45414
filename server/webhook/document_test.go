package webhook

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/room"
	"usher/server/report"
	"usher/server/servertest"
	"usher/server/store"
)

// block returns the code of a language in docs/webhooks.md.
func block(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```"+language+"\n")
	code, _, ended := strings.Cut(rest, "```\n")
	if !found || !ended {
		t.Fatalf("no %s in the document", language)
	}
	return code
}

// startExample runs a receiver of the document, and returns its URL and what it prints.
func startExample(t *testing.T, program string, arguments ...string) (url string, lines *bufio.Scanner) {
	t.Helper()
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	command := exec.Command(program, arguments...)
	command.Env = append(os.Environ(), "PORT="+port, "WEBHOOK_SECRET="+secret)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	servertest.Eventually(t, "it listens", func() bool {
		conn, err := net.Dial("tcp", "localhost:"+port)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return "http://localhost:" + port, bufio.NewScanner(out)
}

// The receivers of the document take what is genuine, once, and nothing else.
func TestReceiversOfTheDocument(t *testing.T) {
	for language, start := range map[string]func(file string) []string{
		"js": func(file string) []string { return []string{"node", file} },
		"go": func(file string) []string {
			program := filepath.Join(filepath.Dir(file), "receiver")
			if out, err := exec.Command("go", "build", "-o", program, file).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			return []string{program}
		},
	} {
		t.Run(language, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "receiver."+strings.Replace(language, "js", "mjs", 1))
			if err := os.WriteFile(file, []byte(block(t, language)), 0o600); err != nil {
				t.Fatal(err)
			}
			command := start(file)
			url, lines := startExample(t, command[0], command[1:]...)
			post := func(now time.Time, m store.Message, secrets ...string) string {
				s, err := New(Config{URL: url, Secrets: secrets, AllowPrivate: true, Kinds: DefaultKinds, Now: func() time.Time { return now }})
				if err != nil {
					t.Fatal(err)
				}
				return s.post(t.Context(), &store.Queued{Message: m}).failure
			}
			s, _ := New(Config{Kinds: DefaultKinds, Secrets: []string{secret}})
			o := &room.Occurrence{Kind: room.UserJoined, UserID: "ann"}
			first := s.Messages("film", []*room.Occurrence{o})[0]
			second := s.Messages("quiz", []*room.Occurrence{o})[0]
			now := time.Now()
			for i, got := range []string{
				post(now, first, secret), post(now, first, secret), post(now, second, NewSecret(), secret),
			} {
				if got != "" {
					t.Errorf("request %d: %s", i, got)
				}
			}
			for i, got := range []string{
				post(now, first, NewSecret()), post(now.Add(-time.Hour), first, secret), post(now.Add(time.Hour), first, secret),
			} {
				if got != "status 401" {
					t.Errorf("forgery %d: %q", i, got)
				}
			}
			for _, want := range []string{"film", "quiz"} {
				want = fmt.Sprintf("%s %s ann", report.New("", o).Type, want)
				if !lines.Scan() || strings.TrimSpace(lines.Text()) != want {
					t.Errorf("it prints %q, want %q", lines.Text(), want)
				}
			}
		})
	}
}
