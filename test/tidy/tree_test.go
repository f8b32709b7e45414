package tidy

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the repository's top folder, seen from this package's.
const root = "../.."

// module is the path of the main module.
const module = "usher"

// file is one file of the repository that people write.
type file struct {
	path string // from the root, with slashes
	text []byte
	ast  *ast.File // of a .go file, else nil
}

func (f *file) folder() string { return path.Dir(f.path) }
func (f *file) isTest() bool   { return strings.HasSuffix(f.path, "_test.go") }
func (f *file) lines() int     { return bytes.Count(f.text, []byte("\n")) }

// at is where a node stands, as an editor understands it.
func (f *file) at(node ast.Node) string {
	position := positions.Position(node.Pos())
	return f.path + ":" + position.String()[len(position.Filename)+1:]
}

var (
	positions = token.NewFileSet()
	tree      []*file
)

// written are the endings of files that people write. A lock file or a picture is not for these rules.
var written = []string{".go", ".mod", ".ts", ".js", ".mjs", ".html", ".css", ".md", ".txt", ".txtar", ".sh", ".toml", ".yaml", ".yml"}

// skipped are folders that hold what a tool wrote: fuzz inputs and other people's packages.
var skipped = []string{".git", ".cache", ".wrangler", "node_modules", "dist", "fuzz", "usher-data"}

var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func TestMain(m *testing.M) {
	if err := filepath.WalkDir(root, visit); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func visit(name string, entry fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	if entry.IsDir() && slices.Contains(skipped, entry.Name()) {
		return filepath.SkipDir
	}
	slashed := strings.TrimPrefix(filepath.ToSlash(name), root+"/")
	isScript := slashed == "test/run" || slashed == ".ci/run"
	if !entry.Type().IsRegular() || !isScript && !slices.Contains(written, path.Ext(slashed)) {
		return nil
	}
	f := &file{path: slashed}
	if f.text, err = os.ReadFile(name); err != nil || generated.Match(f.text) {
		return err
	}
	if path.Ext(slashed) == ".go" {
		f.ast, err = parser.ParseFile(positions, name, f.text, parser.ParseComments|parser.SkipObjectResolution)
	}
	tree = append(tree, f)
	return err
}

// goFiles are the Go files of one folder, or of all for "".
func goFiles(folder string) (files []*file) {
	for _, f := range tree {
		if f.ast != nil && (folder == "" || f.folder() == folder) {
			files = append(files, f)
		}
	}
	return files
}

// packages are the folders with Go files, sorted.
func packages() (folders []string) {
	for _, f := range goFiles("") {
		folders = append(folders, f.folder())
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// read is the text of one file of the tree.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// target is what a package is built for; the zero target is this machine.
type target struct{ goos, goarch string }

func (to target) String() string {
	if to.goos == "" {
		return "native"
	}
	return to.goos + "/" + to.goarch
}

var targets = []target{{}, {"wasip1", "wasm"}}

// goCommand runs the go command at the root and returns its output's lines.
func goCommand(t *testing.T, to target, args ...string) []string {
	t.Helper()
	command := exec.Command("go", args...)
	command.Dir = root
	if to.goos != "" {
		command.Env = append(os.Environ(), "GOOS="+to.goos, "GOARCH="+to.goarch)
	}
	var complaints bytes.Buffer
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: go %s: %v\n%s", to, strings.Join(args, " "), err, &complaints)
	}
	return strings.Fields(string(out))
}
