package tidy

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// The groups of imports, in order.
const (
	ofStandard = iota
	ofOthers
	ofHouse
)

// TestImportsAreInThreeGroups: a reader sees at once what a file needs of the standard library, of
// others and of usher.
func TestImportsAreInThreeGroups(t *testing.T) {
	for _, f := range goFiles("") {
		group, lastLine := -1, 0
		for _, spec := range f.ast.Imports {
			line := positions.Position(spec.Pos()).Line
			kind := groupOf(spec)
			isNew := line > lastLine+1
			if isNew && kind <= group || !isNew && kind != group {
				t.Errorf("%s: %s is in the wrong group: standard library, others and usher/… are three, in this order", f.at(spec), spec.Path.Value)
				break
			}
			group, lastLine = kind, line
		}
	}
}

func groupOf(spec *ast.ImportSpec) int {
	path, _ := strconv.Unquote(spec.Path.Value)
	first, _, _ := strings.Cut(path, "/")
	switch {
	case first == module:
		return ofHouse
	case strings.Contains(first, "."):
		return ofOthers
	}
	return ofStandard
}

// TestCommentsAreAtWhatTheyName: a comment that has lost its declaration says nothing to anybody.
func TestCommentsAreAtWhatTheyName(t *testing.T) {
	for _, folder := range packages() {
		names := map[string]bool{}
		for _, f := range goFiles(folder) {
			for _, declaration := range f.ast.Decls {
				for _, name := range declared(declaration) {
					names[name] = true
				}
			}
		}
		for _, f := range goFiles(folder) {
			for _, comment := range detached(f.ast) {
				word, _, _ := strings.Cut(comment.Text(), " ")
				if names[word] {
					t.Errorf("%s: the comment of %s stands apart from it", f.at(comment), word)
				}
			}
		}
	}
}

// declared are the names that a declaration gives to its package.
func declared(declaration ast.Decl) (names []string) {
	switch declaration := declaration.(type) {
	case *ast.FuncDecl:
		return []string{declaration.Name.Name}
	case *ast.GenDecl:
		for _, spec := range declaration.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, spec.Name.Name)
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					names = append(names, name.Name)
				}
			}
		}
	}
	return names
}

// detached are the comments at the top level that belong to no declaration.
func detached(f *ast.File) (comments []*ast.CommentGroup) {
	within := func(at token.Pos) bool {
		for _, declaration := range f.Decls {
			begin := declaration.Pos()
			if doc := docOf(declaration); doc != nil {
				begin = doc.Pos()
			}
			if begin <= at && at < declaration.End() {
				return true
			}
		}
		return false
	}
	for _, comment := range f.Comments {
		if comment.Pos() > f.Name.End() && positions.Position(comment.Pos()).Column == 1 && !within(comment.Pos()) {
			comments = append(comments, comment)
		}
	}
	return comments
}

func docOf(declaration ast.Decl) *ast.CommentGroup {
	switch declaration := declaration.(type) {
	case *ast.FuncDecl:
		return declaration.Doc
	case *ast.GenDecl:
		return declaration.Doc
	}
	return nil
}
