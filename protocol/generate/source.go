package main

import (
	"errors"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// source is what only the text of package protocol has: comments, and the names of constants.
type source struct {
	docs      map[string]string // by "Name" or "Struct.Field"
	constants []named
}

// named is an exported constant.
type named struct {
	name, file string
	kind       string // the name of its type, "" for an untyped one
	value      constant.Value
	at         token.Pos
}

func readSource(folder string) (*source, error) {
	files := token.NewFileSet()
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	s := &source{docs: map[string]string{}}
	var parsed []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(files, name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, f)
		for _, declaration := range f.Decls {
			if general, ok := declaration.(*ast.GenDecl); ok {
				s.readComments(general)
			}
		}
	}
	// The values of constants need no imports, so errors about imports do not matter.
	config := types.Config{Error: func(error) {}}
	pkg, _ := config.Check("protocol", files, parsed, nil)
	for _, name := range pkg.Scope().Names() {
		c, ok := pkg.Scope().Lookup(name).(*types.Const)
		if !ok || !c.Exported() {
			continue
		}
		n := named{name: name, file: filepath.Base(files.Position(c.Pos()).Filename), value: c.Val(), at: c.Pos()}
		if t, ok := c.Type().(*types.Named); ok {
			n.kind = t.Obj().Name()
		}
		s.constants = append(s.constants, n)
	}
	if len(s.constants) == 0 {
		return nil, errors.New("no constants in " + folder)
	}
	slices.SortFunc(s.constants, func(a, b named) int { return int(a.at - b.at) })
	return s, nil
}

func (s *source) readComments(general *ast.GenDecl) {
	for _, spec := range general.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			doc := spec.Doc
			if doc == nil {
				doc = general.Doc
			}
			s.docs[spec.Name.Name] = flow(doc)
			if structure, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range structure.Fields.List {
					for _, name := range field.Names {
						s.docs[spec.Name.Name+"."+name.Name] = flow(field.Doc)
					}
				}
			}
		case *ast.ValueSpec:
			doc := spec.Doc
			if doc == nil && len(general.Specs) == 1 {
				doc = general.Doc
			}
			for _, name := range spec.Names {
				s.docs[name.Name] = flow(doc)
			}
		}
	}
}

// flow is a comment as one line.
func flow(comment *ast.CommentGroup) string {
	return strings.Join(strings.Fields(comment.Text()), " ")
}

// sentence is a Go comment without the name that it begins with: "Name is the room's" becomes "The
// room's", and "Base has what all have" "What all have".
func sentence(name, doc string) string {
	text, cut := strings.CutPrefix(doc, name+" ")
	if !cut {
		return doc
	}
	for _, verb := range []string{"is ", "are ", "has "} {
		text = strings.TrimPrefix(text, verb)
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

var camel = regexp.MustCompile(`\b[A-Z][a-z]+[A-Z]\w*\b`)

// onWire replaces the Go names of fields in a comment by their names on the wire.
func onWire(doc string, fields map[string]string) string {
	return camel.ReplaceAllStringFunc(doc, func(word string) string {
		if name, ok := fields[word]; ok {
			return "`" + name + "`"
		}
		return word
	})
}
