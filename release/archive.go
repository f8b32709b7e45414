package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// writeArchive writes the program with its documents: as .zip for Windows, as .tar.gz for all
// others.
func writeArchive(out string, b *build, d *documents, licenses []byte) error {
	program, err := os.ReadFile(b.path)
	if err != nil {
		return err
	}
	files := slices.Concat([]document{{b.target.program(), program}}, d.basic, []document{{"LICENSES.txt", licenses}})
	if b.target.os == "linux" {
		files = append(files, d.linux...)
	}
	for i := range files {
		files[i].name = b.name() + "/" + files[i].name
	}
	isProgram := func(name string) bool { return name == files[0].name }
	if b.target.os == "windows" {
		data, err := zipOf(files, b.time, isProgram)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(out, b.name()+".zip"), data, 0o644)
	}
	data, err := tarOf(files, b.time, isProgram)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, b.name()+".tar.gz"), compress(data), 0o644)
}

func modeOf(isProgram bool) os.FileMode {
	if isProgram {
		return 0o755
	}
	return 0o644
}

func tarOf(files []document, at time.Time, isProgram func(name string) bool) ([]byte, error) {
	var data bytes.Buffer
	w := tar.NewWriter(&data)
	for _, f := range files {
		header := &tar.Header{Name: f.name, Mode: int64(modeOf(isProgram(f.name))), Size: int64(len(f.text)), ModTime: at, Format: tar.FormatPAX}
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

func zipOf(files []document, at time.Time, isProgram func(name string) bool) ([]byte, error) {
	var data bytes.Buffer
	w := zip.NewWriter(&data)
	for _, f := range files {
		header := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: at.UTC()}
		header.SetMode(modeOf(isProgram(f.name)))
		part, err := w.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := part.Write(f.text); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return data.Bytes(), nil
}
