package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// made is the release that the tests look at: this machine's target and one that is packed
// otherwise, from the files as they are.
var made = sync.OnceValues(func() (*options, error) {
	out, err := os.MkdirTemp("", "usher-made-")
	if err != nil {
		return nil, err
	}
	folders = append(folders, out)
	commit, err := commitOf(background, "..", true)
	if err != nil {
		return nil, err
	}
	targets := []target{{os: "linux", arch: runtime.GOARCH}, {os: "windows", arch: "amd64"}}
	o := &options{root: "..", out: filepath.Join(out, "dist"), commit: commit, targets: targets, maintainer: nobody}
	return o, o.release(background)
})

// release returns it.
func release(t *testing.T) *options {
	t.Helper()
	o, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// file returns the path of the one file of the release that matches.
func (o *options) file(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(o.out, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("of %s there is %v (%v)", pattern, found, err)
	}
	return found[0]
}

// unpack writes the files of the archive for Linux and returns their folder.
func (o *options) unpack(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	file, err := os.Open(o.file(t, "*_linux_*.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for all := tar.NewReader(plain); ; {
		header, err := all.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(header.Name, "/") // all are in one folder
		data, err := io.ReadAll(all)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, os.FileMode(header.Mode)); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// TestTheSameCommitGivesTheSameBytes: whoever doubts a release builds it again. The second one is
// built elsewhere, in another environment.
func TestTheSameCommitGivesTheSameBytes(t *testing.T) {
	first := release(t)
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("TZ", "Asia/Kolkata")
	t.Setenv("GOFLAGS", "-buildvcs=false -ldflags=-X=main.x=y")
	t.Setenv("GOAMD64", "v3")
	t.Setenv("HOSTNAME", "elsewhere")
	second := *first
	second.out = filepath.Join(t.TempDir(), "again")
	if err := second.release(background); err != nil {
		t.Fatal(err)
	}
	read := func(o *options) string {
		sums, err := os.ReadFile(filepath.Join(o.out, sumsName))
		if err != nil {
			t.Fatal(err)
		}
		return string(sums)
	}
	if a, b := read(first), read(&second); a != b {
		t.Errorf("first\n%sand then\n%s", a, b)
	}
}

func TestEveryFileHasItsSum(t *testing.T) {
	o := release(t)
	sums, err := os.ReadFile(filepath.Join(o.out, sumsName))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(o.out)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(o.out, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%x  %s\n", sha256.Sum256(data), entry.Name())
		if entry.Name() != sumsName && !strings.Contains(string(sums), line) {
			t.Errorf("no %q in\n%s", line, sums)
		}
	}
	if n := strings.Count(string(sums), "\n"); n != len(entries)-1 || n != 7 {
		t.Errorf("%d sums for %d files, want 7: two archives, two bills, deb, rpm and image", n, len(entries)-1)
	}
}

func TestTheArchiveHasTheProgramAndItsDocuments(t *testing.T) {
	o := release(t)
	folder := o.unpack(t)
	for _, name := range []string{
		"LICENSE", "LICENSES.txt", "README.md", "CHANGELOG.md", "man/usher.1", "man/usher.yaml.5", "systemd/usher.service",
		"completion/usher.bash", "completion/_usher", "completion/usher.fish", "completion/usher.ps1",
	} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	out, err := exec.Command(filepath.Join(folder, "usher"), "version", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var version struct {
		Version, Commit, Date string
		Modified              bool
	}
	if err := json.Unmarshal(out, &version); err != nil {
		t.Fatal(err)
	}
	if version.Commit != o.commit || version.Modified || version.Date == "" || !strings.HasPrefix(version.Version, "v") {
		t.Errorf("its version is %s", out)
	}
	licenses, err := os.ReadFile(filepath.Join(folder, "LICENSES.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"The Go standard library", "github.com/nats-io/nats-server/v2 v", "Redistribution and use in source and binary forms"} {
		if !bytes.Contains(licenses, []byte(text)) {
			t.Errorf("no %q in LICENSES.txt", text)
		}
	}
}

func TestTheArchiveForWindowsIsAZip(t *testing.T) {
	archive, err := zip.OpenReader(release(t).file(t, "*_windows_amd64.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	var names []string
	for _, file := range archive.File {
		names = append(names, filepath.Base(file.Name))
	}
	if !slices.Contains(names, "usher.exe") || slices.Contains(names, "usher.service") {
		t.Errorf("it has %v", names)
	}
}

func TestTheBillNamesEveryModule(t *testing.T) {
	file, err := os.Open(release(t).file(t, "*_linux_*.cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var bill cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(file, cyclonedx.BOMFileFormatJSON).Decode(&bill); err != nil {
		t.Fatal(err)
	}
	if bill.Components == nil || bill.Metadata.Component.Name != "usher" || bill.Metadata.Component.Version == "" {
		t.Fatalf("it is about %+v", bill.Metadata.Component)
	}
	found := map[string]bool{}
	for _, component := range *bill.Components {
		found[component.Name] = component.PackageURL != "" && (component.Name == "std" || component.Hashes != nil)
	}
	for _, name := range []string{"std", "github.com/nats-io/nats-server/v2", "go.etcd.io/bbolt", "github.com/coreos/go-systemd/v22"} {
		if !found[name] {
			t.Errorf("%s is not in it, or without an address and a sum", name)
		}
	}
}

func TestTargetsAreChosenByName(t *testing.T) {
	if chosen, err := chooseTargets(""); err != nil || len(chosen) != 8 {
		t.Errorf("of none %v, %v", chosen, err)
	}
	chosen, err := chooseTargets("linux/armv7,windows/arm64")
	if err != nil || fmt.Sprint(chosen) != "[linux/armv7 windows/arm64]" {
		t.Errorf("of two %v, %v", chosen, err)
	}
	if chosen, err := chooseTargets("linux/arm"); err == nil {
		t.Errorf("of an unknown one %v", chosen)
	}
}
