package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// holderOf returns the process that has locked a file.
func holderOf(path string) (pid int, err error) {
	file, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0, err
	}
	inode, refused := fmt.Sprintf(":%d", file.Sys().(*syscall.Stat_t).Ino), error(nil)
	for line := range strings.Lines(string(locks)) {
		// 1: FLOCK  ADVISORY  WRITE 4711 fe:01:131074 0 EOF
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "FLOCK" {
			continue
		}
		pid, err := strconv.Atoi(f[4])
		if err != nil || pid <= 0 { // of another namespace
			continue
		}
		// Some file systems show other numbers to stat, so the files of the process say more.
		has, err := hasOpen(pid, file)
		if has {
			return pid, nil
		}
		if err != nil && strings.HasSuffix(f[5], inode) {
			refused = err
		}
	}
	return 0, cmp.Or(refused, errNoServer)
}

func hasOpen(pid int, file os.FileInfo) (bool, error) {
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(folder)
	if errors.Is(err, os.ErrNotExist) { // it has ended
		return false, nil
	}
	for _, e := range entries {
		if open, err := os.Stat(folder + "/" + e.Name()); err == nil && os.SameFile(open, file) {
			return true, nil
		}
	}
	return false, err
}

// knowsUpgrades reports whether the program of a process would not just end on SIGUSR2, as an usher
// does that is older than this command: then it has the name of the file.
func knowsUpgrades(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/exe", pid)) // also if it has been replaced
	return err == nil && bytes.Contains(text, []byte(upgradeResult))
}

// askToUpgrade makes a server start its program again.
func askToUpgrade(pid int) error { return syscall.Kill(pid, syscall.SIGUSR2) }

func isRunning(pid int) bool { return syscall.Kill(pid, 0) == nil }
