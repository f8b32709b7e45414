package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// document is a file that comes with the program.
type document struct {
	name string // in an archive
	text []byte
}

// documents are the same for all targets.
type documents struct {
	// basic are for everybody, linux only for those who have systemd, and debian for no archive.
	basic, linux, debian []document
}

// named returns the text of one of them.
func (d *documents) named(name string) ([]byte, error) {
	for _, document := range slices.Concat(d.basic, d.linux, d.debian) {
		if document.name == name {
			return document.text, nil
		}
	}
	return nil, fmt.Errorf("no document %s", name)
}

// writeDocuments collects them. Manual pages and completions come from the program itself, so it is
// built for this machine, too.
func writeDocuments(ctx context.Context, root, work string) (*documents, error) {
	here, err := buildTarget(ctx, root, filepath.Join(work, "here"), thisMachine())
	if err != nil {
		return nil, err
	}
	d := new(documents)
	for name, args := range map[string][]string{
		"man/usher.1":           {"man", "usher.1"},
		"man/usher.yaml.5":      {"man", "usher.yaml.5"},
		"completion/usher.bash": {"completion", "bash"},
		"completion/_usher":     {"completion", "zsh"},
		"completion/usher.fish": {"completion", "fish"},
		"completion/usher.ps1":  {"completion", "powershell"},
	} {
		text, err := exec.CommandContext(ctx, here.path, args...).Output()
		if err != nil {
			return nil, fmt.Errorf("usher %s: %w", strings.Join(args, " "), err)
		}
		d.basic = append(d.basic, document{name, text})
	}
	for _, copied := range []struct {
		to   *[]document
		name string
		from string
	}{
		{&d.basic, "README.md", "README.md"},
		{&d.basic, "CHANGELOG.md", "CHANGELOG.md"},
		{&d.basic, "LICENSE", "LICENSE"},
		{&d.linux, "systemd/usher.service", "deploy/systemd/usher.service"},
		{&d.linux, "systemd/usher.socket", "deploy/systemd/usher.socket"},
		{&d.linux, "systemd/sysusers.conf", "deploy/systemd/sysusers.conf"},
		{&d.linux, "systemd/usher.yaml", "deploy/package/usher.yaml"},
		{&d.debian, "copyright", "deploy/package/deb/copyright"},
	} {
		text, err := os.ReadFile(filepath.Join(root, copied.from))
		if err != nil {
			return nil, err
		}
		*copied.to = append(*copied.to, document{copied.name, text})
	}
	slices.SortFunc(d.basic, func(a, b document) int { return strings.Compare(a.name, b.name) })
	return d, nil
}

// compress is gzip -9n: manual pages are installed like that.
func compress(text []byte) []byte {
	var compressed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&compressed, gzip.BestCompression) // a level that exists
	_, _ = w.Write(text)                                           // a buffer takes everything
	_ = w.Close()
	return compressed.Bytes()
}
