package tidy

import (
	"encoding/json"
	"path"
	"regexp"
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

// TestEveryLibraryHasItsReason: docs/design.md says of each library that usher or the page consists
// of what it is for. A part of a module is known by its own name or by the module's.
func TestEveryLibraryHasItsReason(t *testing.T) {
	_, libraries, found := strings.Cut(read(t, "docs/design.md"), "\n## Libraries\n")
	libraries, _, _ = strings.Cut(libraries, "\n## ")
	if !found {
		t.Fatal("docs/design.md has no section Libraries")
	}
	var names []string
	for line := range strings.Lines(read(t, "go.mod")) {
		if required := strings.Fields(line); len(required) == 2 && strings.HasPrefix(required[1], "v") {
			names = append(names, required[0])
		}
	}
	var page struct{ Dependencies map[string]string }
	if err := json.Unmarshal([]byte(read(t, "web/package.json")), &page); err != nil {
		t.Fatal(err)
	}
	for name := range page.Dependencies {
		if !strings.HasPrefix(name, "@usher/") {
			names = append(names, name)
		}
	}
	for _, name := range names {
		parts := strings.Split(majorVersion.ReplaceAllString(name, ""), "/")
		whole := strings.Join(parts[:min(len(parts), 3)], "/")
		if !hasWord(libraries, whole) && !hasWord(libraries, parts[len(parts)-1]) {
			t.Errorf("%s is not in the table of libraries in docs/design.md: add it, with what it is for", name)
		}
	}
}

var majorVersion = regexp.MustCompile(`/v[0-9]+$`)

// TestEveryVariableOfTheWorkerIsDocumented: whoever deploys the worker sets them by hand.
func TestEveryVariableOfTheWorkerIsDocumented(t *testing.T) {
	document := read(t, "docs/cloudflare.md")
	variables := workerVariable.FindAllStringSubmatch(read(t, "worker/src/env.d.ts"), -1)
	if len(variables) == 0 {
		t.Fatal("worker/src/env.d.ts declares no variables")
	}
	for _, variable := range variables {
		if !hasWord(document, variable[1]) {
			t.Errorf("docs/cloudflare.md does not have %s, which worker/src/env.d.ts declares", variable[1])
		}
	}
}

var workerVariable = regexp.MustCompile(`(?m)^  ([A-Z_]+)\?: string;$`)
