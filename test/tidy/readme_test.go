package tidy

import (
	"path"
	"strings"
	"testing"
)

// TestTheReadmeNamesEachFolder: whoever comes new finds each package of the top and of the server.
func TestTheReadmeNamesEachFolder(t *testing.T) {
	_, folders, found := strings.Cut(read(t, "README.md"), "\n## Folders\n")
	folders, _, _ = strings.Cut(folders, "\n## ")
	if !found {
		t.Fatal("README.md has no list of folders")
	}
	for _, folder := range packages() {
		parent := path.Dir(folder)
		if parent != "." && parent != "cmd" && parent != "server" {
			continue
		}
		if !strings.Contains(folders, " "+path.Base(folder)+"/ ") && !strings.Contains(folders, " "+folder+"/ ") {
			t.Errorf("%s is not in the list of folders in README.md: add it, with what it is for", folder)
		}
	}
}
