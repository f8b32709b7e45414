package bolt

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"usher/server/store"
)

// fillDisk puts /dev/full under the store's file descriptor: writes fail with ENOSPC until restore
// is called. What is mapped stays readable.
func fillDisk(t *testing.T, s *Store) (restore func()) {
	t.Helper()
	fd := int(s.db.file.Fd())
	kept, err := syscall.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	if err := syscall.Dup3(int(full.Fd()), fd, syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(syscall.Dup3(kept, fd, syscall.O_CLOEXEC), syscall.Close(kept)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFullDiskHeals(t *testing.T) {
	dir := t.TempDir()
	health := make(chan error, 100)
	s := open(t, dir, Options{OnHealth: func(err error) { health <- err }})
	save(t, s, "a", text("before"))

	for _, byProbe := range []bool{true, false} {
		release := hold(s) // no probe while the descriptor changes
		restore := fillDisk(t, s)
		release()
		if err := trySave(s, "a", text("lost")); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("save: %v", err)
		}
		if err := tryDelete(s, "a"); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("delete: %v", err)
		}
		if err := <-health; !errors.Is(err, syscall.ENOSPC) || s.Healthy() {
			t.Fatalf("told %v", err)
		}
		wantRecord(t, s, "a", text("before"))
		if byProbe {
			restore()
		} else {
			release := hold(s)
			restore()
			s.Save("b", text("after"), nil)
			release()
		}
		if err := <-health; err != nil || !s.Healthy() {
			t.Fatalf("told %v", err)
		}
	}
	save(t, s, "c", text("after"))
	failed := s.Stats().FailedCommits
	if failed < 4 {
		t.Errorf("counts %d failed commits", failed)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{})
	wantRecord(t, s, "a", text("before"))
	wantRecord(t, s, "b", text("after"))
	wantRecord(t, s, "c", text("after"))
}

func TestCloseOfAnUnhealthyStoreSaysSo(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	release := hold(s)
	restore := fillDisk(t, s)
	var got error
	s.Save("a", text("lost"), func(err error) { got = err; restore() })
	go release() // Close queues behind the save
	if err := s.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("closed with %v", err)
	}
	if !errors.Is(got, syscall.ENOSPC) {
		t.Errorf("save: %v", got)
	}
}

func TestUnwritableFolderIsNamed(t *testing.T) {
	path := t.TempDir() + "/file"
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{}); err == nil || errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), path) {
		t.Fatalf("got %v", err)
	}
}
