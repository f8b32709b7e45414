package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // nfpm.Get finds it
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm" // the same
)

// installed is a document, and where a package puts it.
type installed struct {
	document, path, kind string
	compressed           bool
}

// contents are the files of a package, by format.
func contents(format string) []installed {
	all := []installed{
		{document: "systemd/usher.service", path: "/usr/lib/systemd/system/usher.service"},
		{document: "systemd/usher.socket", path: "/usr/lib/systemd/system/usher.socket"},
		{document: "systemd/sysusers.conf", path: "/usr/lib/sysusers.d/usher.conf"},
		{document: "systemd/usher.yaml", path: "/etc/usher/usher.yaml", kind: files.TypeConfigNoReplace},
		{document: "man/usher.1", path: "/usr/share/man/man1/usher.1.gz", compressed: true},
		{document: "man/usher.yaml.5", path: "/usr/share/man/man5/usher.yaml.5.gz", compressed: true},
		{document: "completion/usher.bash", path: "/usr/share/bash-completion/completions/usher"},
		{document: "completion/usher.fish", path: "/usr/share/fish/vendor_completions.d/usher.fish"},
		{document: "README.md", path: "/usr/share/doc/usher/README.md"},
	}
	if format == "deb" {
		return append(all,
			installed{document: "completion/_usher", path: "/usr/share/zsh/vendor-completions/_usher"},
			installed{document: "CHANGELOG.md", path: "/usr/share/doc/usher/changelog.gz", compressed: true},
			installed{document: "copyright", path: "/usr/share/doc/usher/copyright"},
			installed{document: "LICENSES.txt", path: "/usr/share/doc/usher/LICENSES.txt"})
	}
	return append(all,
		installed{document: "completion/_usher", path: "/usr/share/zsh/site-functions/_usher"},
		installed{document: "CHANGELOG.md", path: "/usr/share/doc/usher/CHANGELOG.md"},
		installed{document: "LICENSE", path: "/usr/share/licenses/usher/LICENSE", kind: files.TypeRPMLicense},
		installed{document: "LICENSES.txt", path: "/usr/share/licenses/usher/LICENSES.txt", kind: files.TypeRPMLicense})
}

// packageArch are the architectures as the formats' tables of nfpm spell them.
func (t target) packageArch() string {
	if t.arm != "" {
		return t.arch + t.arm
	}
	return t.arch
}

func writePackage(out, scripts, maintainer string, b *build, d *documents, licenses []byte, format string) error {
	staged, err := stage(filepath.Join(filepath.Dir(b.path), format), b, d, licenses, format)
	if err != nil {
		return err
	}
	info := nfpm.WithDefaults(packageInfo(b, staged))
	info.Maintainer, info.RPM.Packager = maintainer, maintainer
	if info.Changelog, err = writeChanges(filepath.Dir(b.path), b, maintainer); err != nil {
		return err
	}
	if format == "deb" {
		info.Scripts = nfpm.Scripts{
			PostInstall: filepath.Join(scripts, "postinst"), PreRemove: filepath.Join(scripts, "prerm"), PostRemove: filepath.Join(scripts, "postrm"),
		}
		// systemd-sysusers makes the user.
		info.Depends = []string{"systemd | systemd-standalone-sysusers"}
	} else {
		info.Scripts = nfpm.Scripts{
			PostInstall: filepath.Join(scripts, "postinstall"), PreRemove: filepath.Join(scripts, "preremove"), PostRemove: filepath.Join(scripts, "postremove"),
		}
		info.Depends = []string{"systemd"}
	}
	info.Recommends = []string{"ca-certificates"} // for ACME, and for a NATS with TLS
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	var data bytes.Buffer
	if err := packager.Package(info, &data); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, packager.ConventionalFileName(info)), data.Bytes(), 0o644)
}

func packageInfo(b *build, staged files.Contents) *nfpm.Info {
	return &nfpm.Info{
		Name: "usher", Platform: "linux", Arch: b.target.packageArch(),
		Version: "v" + b.version, VersionSchema: "semver", Release: "1",
		Section: "net", Priority: "optional",
		License: "Apache-2.0",
		Description: `WebRTC signaling and room server
It seats browsers in rooms, passes their offers, answers and candidates on,
and keeps the state of the rooms on disk.`,
		MTime: b.time, DisableGlobbing: true,
		Overridables: nfpm.Overridables{
			Contents: staged,
			// The name of the building machine is nobody's business, and would differ.
			RPM: nfpm.RPM{BuildHost: "localhost", Summary: "WebRTC signaling and room server"},
		},
	}
}

// writeChanges writes the one entry of the package's own list of changes, in the form of nfpm.
func writeChanges(folder string, b *build, maintainer string) (path string, err error) {
	path = filepath.Join(folder, "changes.yaml")
	text := fmt.Sprintf("- semver: %q\n  date: %s\n  packager: %q\n  deb: {urgency: medium, distributions: [stable]}\n  changes:\n    - note: %q\n",
		b.version, b.time.UTC().Format(time.RFC3339), maintainer, "The changes of "+b.version+" are in CHANGELOG.md.")
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// stage writes the files of a package, because nfpm reads them from a disk.
func stage(folder string, b *build, d *documents, licenses []byte, format string) (files.Contents, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	owned := func(mode os.FileMode) *files.ContentFileInfo {
		return &files.ContentFileInfo{Owner: "root", Group: "root", Mode: mode, MTime: b.time}
	}
	staged := files.Contents{
		{Source: b.path, Destination: "/usr/bin/usher", FileInfo: owned(0o755)},
	}
	if format == "rpm" {
		// dpkg removes an empty folder by itself, and keeps one with secrets.
		staged = append(staged, &files.Content{Destination: "/etc/usher", Type: files.TypeDir, FileInfo: owned(0o755)})
	}
	for i, file := range contents(format) {
		text := licenses
		if file.document != "LICENSES.txt" {
			var err error
			if text, err = d.named(file.document); err != nil {
				return nil, err
			}
		}
		if file.compressed {
			text = compress(text)
		}
		source := filepath.Join(folder, fmt.Sprint(i))
		if err := os.WriteFile(source, text, 0o644); err != nil {
			return nil, err
		}
		staged = append(staged, &files.Content{Source: source, Destination: file.path, Type: file.kind, FileInfo: owned(0o644)})
	}
	return staged, nil
}
