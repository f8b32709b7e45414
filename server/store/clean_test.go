package store

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestCleanMarkIsLeftByCloseCleanAlone(t *testing.T) {
	dir := t.TempDir()
	for i, c := range []struct {
		close func(*Store) error
		want  bool // of the next one
	}{
		{(*Store).CloseClean, true},
		{(*Store).Close, false},
		{(*Store).CloseClean, true},
		{func(s *Store) error { s.Close(); return s.CloseClean() }, false},
	} {
		s := open(t, dir, Options{})
		if err := c.close(s); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir, Options{})
		if s.WasClean() != c.want {
			t.Errorf("%d: clean is %v", i, !c.want)
		}
		s.Close()
	}
}

func TestCleanMarkIsGoneWhileOpen(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	open(t, dir, Options{}).CloseClean()
	s := open(t, dir, Options{})
	if !s.WasClean() {
		t.Fatal("not clean after CloseClean")
	}
	// The file as a power cut right after Open would leave it.
	file, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(copied, fileName), file, 0o600); err != nil {
		t.Fatal(err)
	}
	if open(t, copied, Options{}).WasClean() {
		t.Fatal("clean after a cut")
	}
}

const childDir = "USHER_STORE_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		saveForEver(dir)
	}
	os.Exit(m.Run())
}

// saveForEver prints the number of each room once it is durable.
func saveForEver(dir string) {
	s, err := Open(dir, Options{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for i := 0; ; i++ {
		s.Save(fmt.Sprint(i), text(fmt.Sprint(i)), func(err error) {
			if err == nil {
				fmt.Println(i)
			}
		})
		if i%10 == 0 {
			trySave(s, "pace", text("x"))
		}
	}
}

func TestKilledProcessLosesNothingDurable(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var durable []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		durable = append(durable, lines.Text())
		if len(durable) == 300 {
			child.Process.Kill()
		}
	}
	child.Wait()
	if len(durable) < 300 {
		t.Fatalf("the child ended by itself after %q", durable)
	}
	s := open(t, dir, Options{})
	if s.WasClean() {
		t.Error("clean after a kill")
	}
	for _, id := range durable {
		wantRecord(t, s, id, text(id))
	}
}
