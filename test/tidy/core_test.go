package tidy

import (
	"go/ast"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"strings"
	"testing"
)

const replay = "the same events must give the same effects on every shell and in every replay"

// pure are the packages that are state machines: events in, effects out.
var pure = []string{"room", "server/cluster/lease"}

// TestCoresAreDeterministic: what a state machine may import is in the table of imports (no clock,
// lock, randomness, environment or log); this is what needs no import.
func TestCoresAreDeterministic(t *testing.T) {
	for _, folder := range pure {
		info := checkTypes(t, folder)
		for _, f := range goFiles(folder) {
			if f.isTest() {
				continue
			}
			ast.Inspect(f.ast, func(node ast.Node) bool {
				if what := impure(info, node); what != "" {
					t.Errorf("%s: %s in %s: %s", f.at(node), what, folder, replay)
				}
				return true
			})
		}
	}
}

// impure names what a node does that a pure state machine does not, "" for nothing.
func impure(info *types.Info, node ast.Node) string {
	switch node := node.(type) {
	case *ast.GoStmt:
		return "a goroutine"
	case *ast.ChanType, *ast.SendStmt, *ast.SelectStmt:
		return "a channel"
	case *ast.UnaryExpr:
		if node.Op == token.ARROW {
			return "a channel"
		}
	case *ast.RangeStmt:
		switch info.TypeOf(node.X).Underlying().(type) {
		case *types.Map:
			return "a range over a map, whose order is random,"
		case *types.Chan:
			return "a channel"
		}
	case *ast.CallExpr:
		name, _ := ast.Unparen(node.Fun).(*ast.Ident)
		if name == nil {
			return ""
		}
		if builtin, _ := info.Uses[name].(*types.Builtin); builtin != nil && strings.HasPrefix(builtin.Name(), "print") {
			return "a log"
		}
	}
	return ""
}

// checkTypes gives the types of a package's expressions, without its tests.
func checkTypes(t *testing.T, folder string) *types.Info {
	t.Helper()
	exports := map[string]string{}
	for _, line := range goCommand(t, target{}, "list", "-deps", "-export", "-f", "{{.ImportPath}}={{.Export}}", "./"+folder) {
		name, export, _ := strings.Cut(line, "=")
		exports[name] = export
	}
	open := func(name string) (io.ReadCloser, error) { return os.Open(exports[name]) }
	config := types.Config{Importer: importer.ForCompiler(positions, "gc", open)}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	var files []*ast.File
	for _, f := range goFiles(folder) {
		if !f.isTest() {
			files = append(files, f.ast)
		}
	}
	if _, err := config.Check(module+"/"+folder, positions, files, info); err != nil {
		t.Fatal(err)
	}
	return info
}
