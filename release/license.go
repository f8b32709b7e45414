package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/mod/module"
)

var licenseName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

// licensesOf is the text of the licenses of everything that is linked into a program. They ask for
// that.
func licensesOf(b *build) ([]byte, error) {
	folders, err := goEnv("GOROOT", "GOMODCACHE")
	if err != nil {
		return nil, err
	}
	goRoot, cache := folders[0], folders[1]
	var text bytes.Buffer
	text.WriteString("usher is under the Apache License 2.0, and contains the following.\n")
	if err := appendLicenses(&text, "The Go standard library ("+b.info.GoVersion+")", goRoot); err != nil {
		return nil, err
	}
	for _, linked := range b.info.Deps {
		if linked.Replace != nil {
			linked = linked.Replace
		}
		path, err := module.EscapePath(linked.Path)
		if err != nil {
			return nil, err
		}
		folder := filepath.Join(cache, filepath.FromSlash(path)+"@"+linked.Version)
		if err := appendLicenses(&text, linked.Path+" "+linked.Version, folder); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), nil
}

func appendLicenses(text *bytes.Buffer, name, folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	found := false
	for _, entry := range entries {
		if entry.IsDir() || !licenseName.MatchString(entry.Name()) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(text, "\n%s\n%s: %s\n\n%s\n", strings.Repeat("-", 80), name, entry.Name(), bytes.TrimSpace(data))
		found = true
	}
	if !found {
		return fmt.Errorf("%s has no license in %s", name, folder)
	}
	return nil
}

func goEnv(names ...string) ([]string, error) {
	out, err := exec.Command("go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	values := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(values) != len(names) {
		return nil, fmt.Errorf("go env printed %q", out)
	}
	return values, nil
}
