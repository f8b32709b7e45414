package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
)

var background = context.Background()

// folders are removed when all tests are over.
var folders []string

func TestMain(m *testing.M) {
	status := m.Run()
	for _, folder := range folders {
		_ = os.RemoveAll(folder)
	}
	os.Exit(status)
}

// needs skips a test if this machine lacks a program, or the right to do what the test does. In CI
// nothing may be missing: release/tools installs it.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	missing := func(what string) {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s: release/tools installs what is missing", what)
		}
		t.Skip(what)
	}
	for _, program := range programs {
		if program == "root" {
			if os.Getuid() != 0 {
				missing("only root may do this")
			}
		} else if _, err := exec.LookPath(program); err != nil {
			missing(program + " is not installed")
		}
	}
}

// output runs a command and returns what it prints.
func output(t *testing.T, command *exec.Cmd) string {
	t.Helper()
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	if err := command.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command.Args, " "), err, &out)
	}
	return out.String()
}
