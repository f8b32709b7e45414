package tidy

import (
	"os/exec"
	"strings"
	"testing"
)

// TestGeneratedFilesAreFresh: what is generated from Go must be what Go says now.
func TestGeneratedFilesAreFresh(t *testing.T) {
	for file, generator := range map[string]string{"worker/src/protocol.ts": "./worker/generate"} {
		command := exec.Command("go", "run", generator)
		command.Dir = root
		want, err := command.Output()
		if err != nil {
			t.Fatal(generator, ": ", err)
		}
		if read(t, file) != string(want) {
			t.Errorf("%s is stale: go generate %s", file, generator)
		}
	}
	command := exec.Command("go", "run", "./protocol/generate", "-check")
	command.Dir = root
	if stale, err := command.Output(); err != nil {
		t.Errorf("go generate ./protocol/generate: %v, stale: %s", err, strings.Fields(string(stale)))
	}
}
