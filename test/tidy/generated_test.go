package tidy

import (
	"os/exec"
	"strings"
	"testing"
)

// TestGeneratedFilesAreFresh: what is generated from Go must be what Go says now.
func TestGeneratedFilesAreFresh(t *testing.T) {
	command := exec.Command("go", "run", "./protocol/generate", "-check")
	command.Dir = root
	if stale, err := command.Output(); err != nil {
		t.Errorf("go generate ./protocol/generate: %v, stale: %s", err, strings.Fields(string(stale)))
	}
}
