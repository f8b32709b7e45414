package bolt

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

func TestCleanIsPartOfTheRecord(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{OpenedMs: 7})
	clean := text("x")
	clean.Clean = true
	save(t, s, "clean", clean)
	save(t, s, "other", text("y"))
	s.Close()
	s = open(t, dir, Options{OpenedMs: 8})
	for id, want := range map[string]bool{"clean": true, "other": false} {
		if r, found, err := s.Load(id); err != nil || !found || r.Clean != want || r.DroppedMs != 8 {
			t.Errorf("%s: %+v, %v", id, r, err)
		}
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
	for _, id := range durable {
		wantRecord(t, s, id, text(id))
	}
}
