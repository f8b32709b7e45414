package tidy

import (
	"os/exec"
	"strings"
	"testing"
)

// TestGeneratedFilesAreFresh: what is generated from Go must be what Go says now.
func TestGeneratedFilesAreFresh(t *testing.T) {
	// The go command, which keeps a test's result, does not see what its own child reads.
	tree()
	for _, name := range []string{
		"packages/types/asyncapi.json", "packages/types/schema/messages.json", "packages/types/test/verdicts.json", "protocol/testdata/vectors.json",
	} {
		read(t, name)
	}
	command := exec.Command("go", "run", "./protocol/generate", "-check")
	command.Dir = root
	if stale, err := command.Output(); err != nil {
		t.Errorf("go generate ./protocol/generate: %v, stale: %s", err, strings.Fields(string(stale)))
	}
}
