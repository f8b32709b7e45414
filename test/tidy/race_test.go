package tidy

import (
	"go/ast"
	"go/parser"
	"regexp"
	"strings"
	"testing"
)

// singleLine is the line of test/run that names what it tests without the race detector.
var singleLine = regexp.MustCompile(`(?m)^single='(.*)'`)

// TestWhatRunsWithoutTheRaceDetectorHasNoGoroutines: it would not see their races. t.Parallel makes
// some too, for tests that share nothing.
func TestWhatRunsWithoutTheRaceDetectorHasNoGoroutines(t *testing.T) {
	line := singleLine.FindStringSubmatch(read(t, "test/run"))
	if line == nil {
		t.Fatal("test/run does not name the packages")
	}
	for _, name := range strings.Fields(line[1]) {
		files := goFiles(strings.TrimPrefix(name, "./"))
		if len(files) == 0 {
			t.Errorf("%s has no Go files", name)
		}
		for _, f := range files {
			ast.Inspect(f.ast, func(node ast.Node) bool {
				if startsGoroutine(node) {
					t.Errorf("%s: a goroutine: take %s from `single` in test/run, so that the race detector sees it", f.at(node), name)
				}
				return true
			})
		}
	}
}

// startsGoroutine reports whether a node is a go statement, or a call of sync.WaitGroup's Go or of
// an AfterFunc: that of time and that of context run on a goroutine of their own.
func startsGoroutine(node ast.Node) bool {
	switch node := node.(type) {
	case *ast.GoStmt:
		return true
	case *ast.CallExpr:
		called, ok := node.Fun.(*ast.SelectorExpr)
		return ok && (called.Sel.Name == "Go" && len(node.Args) == 1 || called.Sel.Name == "AfterFunc")
	}
	return false
}

func TestWhatStartsAGoroutine(t *testing.T) {
	for source, want := range map[string]bool{
		"func() { go f() }":                  true,
		"func() { all.Go(f) }":               true,
		"func() { time.AfterFunc(d, f) }":    true,
		"func() { context.AfterFunc(x, f) }": true,
		"func() { f() }":                     false,
		"func() { time.NewTimer(d) }":        false,
	} {
		parsed, err := parser.ParseExpr(source)
		if err != nil {
			t.Fatal(err)
		}
		starts := false
		ast.Inspect(parsed, func(node ast.Node) bool {
			starts = starts || startsGoroutine(node)
			return true
		})
		if starts != want {
			t.Errorf("%s: %t", source, starts)
		}
	}
}
