package tidy

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

const (
	maxFileLines           = 500 // HTML and CSS
	maxGoFileLines         = 400
	maxTypeScriptFileLines = 300
	maxFunctionLines       = 70
)

// large names what is over the limits and how many lines it has, as "path" or
// "path function". The list may only shrink.
var large = map[string]int{}

// TestFilesAndFunctionsAreSmall: what fits on a screen is read whole.
func TestFilesAndFunctionsAreSmall(t *testing.T) {
	found := map[string]int{}
	for _, f := range tree() {
		if isCode := slices.Contains([]string{".go", ".ts", ".tsx", ".js", ".mjs", ".html", ".css"}, path.Ext(f.path)); !isCode {
			continue
		}
		if n := f.lines(); n > maxLines(f.path) {
			found[f.path] = n
		}
		if f.ast == nil {
			continue
		}
		for _, declaration := range f.ast.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := 1 + positions.Position(function.End()).Line - positions.Position(function.Pos()).Line; n > maxFunctionLines {
				found[f.path+" "+function.Name.Name] = n
			}
		}
	}
	for name, lines := range found {
		if lines > large[name] {
			t.Errorf("%s has %d lines. %s", name, lines, limit(name))
		}
	}
	for name, lines := range large {
		if found[name] < lines {
			t.Errorf("%s is down to %d lines (0: within the limits, or gone): write that into the list `large`, which may only shrink", name, found[name])
		}
	}
}

func maxLines(file string) int {
	switch path.Ext(file) {
	case ".go":
		return maxGoFileLines
	case ".ts", ".tsx":
		return maxTypeScriptFileLines
	}
	return maxFileLines
}

// limit says what name, a key of large, has to keep to.
func limit(name string) string {
	if large[name] > 0 {
		return fmt.Sprintf("The list `large` has it at %d and may only shrink", large[name])
	}
	file, _, _ := strings.Cut(name, " ")
	return fmt.Sprintf("Files end at %d and functions at %d, so that each is read whole: split it by what its parts do", maxLines(file), maxFunctionLines)
}
