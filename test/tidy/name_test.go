package tidy

import (
	"bytes"
	"go/ast"
	"go/format"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var vague = regexp.MustCompile(`(?i)^(utils?|common|helpers?|managers?)$`)

// TestNamesSayWhatIsInside: a file called util is where things are put that nobody looks for.
func TestNamesSayWhatIsInside(t *testing.T) {
	for _, f := range tree() {
		for _, part := range strings.FieldsFunc(f.path, func(c rune) bool { return strings.ContainsRune("/_-.", c) }) {
			if vague.MatchString(part) {
				t.Errorf("%s: %q says nothing of what is inside. Name the file after the noun or verb that it holds", f.path, part)
			}
		}
	}
}

var (
	vagueType = regexp.MustCompile(`(Util|Utils|Common|Helper|Manager)$`)
	getter    = regexp.MustCompile(`^Get[A-Z]`)
)

// TestIdentifiersAreWords: no Get, no Manager.
func TestIdentifiersAreWords(t *testing.T) {
	for _, f := range goFiles("") {
		for _, declaration := range f.ast.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok && getter.MatchString(function.Name.Name) {
				t.Errorf("%s: %s: what only returns a thing is called like the thing", f.at(function), function.Name.Name)
			}
			general, ok := declaration.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range general.Specs {
				if spec, ok := spec.(*ast.TypeSpec); ok && vagueType.MatchString(spec.Name.Name) {
					t.Errorf("%s: %s: say what it does, which everything that is managed needs", f.at(spec), spec.Name.Name)
				}
			}
		}
	}
}

// Put together here so that this file does not hold what it looks for.
var unfinished = regexp.MustCompile(`\b(` + strings.Join([]string{"TO" + "DO", "FIX" + "ME", "X" + "XX"}, "|") + `)\b`)

// TestNothingIsLeftForLater: a note in the source is read by nobody who could act on it.
func TestNothingIsLeftForLater(t *testing.T) {
	for _, f := range tree() {
		for n, line := range bytes.Split(f.text, []byte("\n")) {
			if found := unfinished.Find(line); found != nil {
				t.Errorf("%s:%d: %s. Do it now, open an issue, or say as a fact what does not work and why", f.path, n+1, found)
			}
		}
	}
}

// TestSourceIsFormatted: a diff shows only what was changed.
func TestSourceIsFormatted(t *testing.T) {
	for _, f := range goFiles("") {
		formatted, err := format.Source(f.text)
		if err != nil {
			t.Fatalf("%s: %v", f.path, err)
		}
		if !bytes.Equal(formatted, f.text) {
			t.Errorf("%s is not formatted: gofmt -w %[1]s", f.path)
		}
	}
}

// TestEveryPackageHasADoc: it is the first thing that a reader meets.
func TestEveryPackageHasADoc(t *testing.T) {
	for _, folder := range packages() {
		files := goFiles(folder)
		if !slices.ContainsFunc(files, func(f *file) bool { return !f.isTest() && f.ast.Doc != nil }) {
			t.Errorf("package %s has no doc comment: half a screen of what it is for, above its package clause (doc.go)", folder)
		}
	}
}

// TestExportedNamesHaveADoc: one promise at each: units, errors, who may call.
// A constant or variable in a group has the group's; a method that an
// interface of its package promises has the interface's.
func TestExportedNamesHaveADoc(t *testing.T) {
	for _, f := range goFiles("") {
		if f.isTest() || f.ast.Name.Name == "main" {
			continue
		}
		for _, declaration := range f.ast.Decls {
			switch declaration := declaration.(type) {
			case *ast.FuncDecl:
				name := declaration.Name
				if name.IsExported() && declaration.Doc == nil && hasExportedReceiver(declaration) && !(declaration.Recv != nil && promised(f.folder(), name.Name)) {
					t.Errorf("%s: %s has no doc comment: what it promises, its units, its errors, who may call it", f.at(declaration), name.Name)
				}
			case *ast.GenDecl:
				for _, name := range undocumented(declaration) {
					t.Errorf("%s: %s has no doc comment: what it is, its unit and bounds", f.at(name), name.Name)
				}
			}
		}
	}
}

func hasExportedReceiver(function *ast.FuncDecl) bool {
	if function.Recv == nil {
		return true
	}
	exported := false
	ast.Inspect(function.Recv.List[0].Type, func(node ast.Node) bool {
		if name, ok := node.(*ast.Ident); ok && name.IsExported() {
			exported = true
		}
		return true
	})
	return exported
}

// promised reports whether an interface of a package has a method, with a comment.
func promised(folder, method string) (found bool) {
	for _, f := range goFiles(folder) {
		ast.Inspect(f.ast, func(node ast.Node) bool {
			contract, ok := node.(*ast.InterfaceType)
			if !ok {
				return !found
			}
			for _, field := range contract.Methods.List {
				if len(field.Names) == 1 && field.Names[0].Name == method && (field.Doc != nil || field.Comment != nil) {
					found = true
				}
			}
			return false
		})
	}
	return found
}

// undocumented are the exported names of a declaration without a comment;
// among them the fields of a Config.
func undocumented(declaration *ast.GenDecl) (names []*ast.Ident) {
	for _, spec := range declaration.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && spec.Doc == nil && declaration.Doc == nil {
				names = append(names, spec.Name)
			}
			if structure, ok := spec.Type.(*ast.StructType); ok && spec.Name.Name == "Config" {
				for _, field := range structure.Fields.List {
					if field.Doc == nil && field.Comment == nil {
						names = append(names, field.Names...)
					}
				}
			}
		case *ast.ValueSpec:
			if spec.Doc == nil && spec.Comment == nil && declaration.Doc == nil {
				names = append(names, slices.DeleteFunc(slices.Clone(spec.Names), func(name *ast.Ident) bool { return !name.IsExported() })...)
			}
		}
	}
	return names
}
