package tidy

import (
	"go/ast"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFuzzTargetsHaveACorpus: without inputs in the repository a short run on
// a fresh machine begins from nothing, and what was found once is not tried again.
func TestFuzzTargetsHaveACorpus(t *testing.T) {
	targets := map[string]bool{}
	for _, f := range goFiles("") {
		if !f.isTest() {
			continue
		}
		for _, declaration := range f.ast.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || function.Recv != nil || !strings.HasPrefix(function.Name.Name, "Fuzz") {
				continue
			}
			corpus := f.folder() + "/testdata/fuzz/" + function.Name.Name
			targets[corpus] = true
			if inputs, err := os.ReadDir(filepath.Join(root, corpus)); err != nil || len(inputs) == 0 {
				t.Errorf(`%s: %s has no inputs in %s. Fuzz it for a while and copy some small ones of "$(go env GOCACHE)/fuzz/%s/%s/%s" there`,
					f.at(function), function.Name.Name, corpus, module, f.folder(), function.Name.Name)
			}
		}
	}
	for _, folder := range packages() {
		corpora, err := filepath.Glob(filepath.Join(root, folder, "testdata/fuzz/*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, corpus := range corpora {
			name := strings.TrimPrefix(filepath.ToSlash(corpus), root+"/")
			if !targets[name] {
				t.Errorf("%s is for a fuzz target that does not exist", name)
			}
		}
	}
}
