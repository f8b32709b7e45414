package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// imageFile is a file of a layer, or a folder if its path ends in a slash.
type imageFile struct {
	path  string
	mode  int64 // 0 for 0644, and for 0755 of a folder
	owner int
	text  []byte
}

func imageTar(all []imageFile, at time.Time) ([]byte, error) {
	var data bytes.Buffer
	w := tar.NewWriter(&data)
	for _, f := range all {
		header := &tar.Header{
			Name: f.path, Typeflag: tar.TypeReg, Mode: cmp.Or(f.mode, 0o644), Size: int64(len(f.text)),
			Uid: f.owner, Gid: f.owner, ModTime: at,
		}
		if strings.HasSuffix(f.path, "/") {
			header.Typeflag, header.Mode = tar.TypeDir, cmp.Or(f.mode, 0o755)
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.text); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return data.Bytes(), nil
}

// readFolder returns all files below a folder, in the order of their names.
func readFolder(folder string) (all []imageFile, err error) {
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == folder {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if entry.IsDir() {
			all = append(all, imageFile{path: name + "/"})
			return nil
		}
		text, err := os.ReadFile(path)
		all = append(all, imageFile{path: name, text: text})
		return err
	})
	return all, err
}
