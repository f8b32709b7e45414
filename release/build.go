package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// target is a platform, named as the go command does.
type target struct{ os, arch, arm string }

// targets are all that a release is built for.
var targets = []target{
	{os: "linux", arch: "amd64"},
	{os: "linux", arch: "arm64"},
	{os: "linux", arch: "arm", arm: "7"},
	{os: "linux", arch: "386"},
	{os: "darwin", arch: "amd64"},
	{os: "darwin", arch: "arm64"},
	{os: "windows", arch: "amd64"},
	{os: "windows", arch: "arm64"},
}

func (t target) String() string {
	if t.arm != "" {
		return t.os + "/" + t.variantName()
	}
	return t.os + "/" + t.arch
}

// variantName is armv7, or "" if the architecture has no variant.
func (t target) variantName() string {
	if t.arm == "" {
		return ""
	}
	return t.arch + "v" + t.arm
}

func (t target) program() string {
	if t.os == "windows" {
		return "usher.exe"
	}
	return "usher"
}

// build is a program with what the go command has stamped into it.
type build struct {
	target target
	path   string
	info   *debug.BuildInfo
	// version has no leading v, because packages and images have none.
	version, commit string
	// time is the commit's, and that of every file in the release.
	time time.Time
}

// buildTarget builds usher for a target. Nothing of this machine gets into the program: no path, no
// setting of the environment, and no C.
func buildTarget(ctx context.Context, root, work string, t target) (*build, error) {
	b := &build{target: t, path: filepath.Join(work, strings.ReplaceAll(t.String(), "/", "-"), t.program())}
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w -buildid=", "-o", b.path, "./cmd/usher")
	command.Dir = root
	command.Env = append(withoutGo(os.Environ()), "CGO_ENABLED=0", "GOENV=off", "GOOS="+t.os, "GOARCH="+t.arch, "GOARM="+t.arm)
	if out, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: go build: %w\n%s", t, err, bytes.TrimSpace(out))
	}
	var err error
	if b.info, err = buildinfo.ReadFile(b.path); err != nil {
		return nil, err
	}
	return b, b.readStamps()
}

func (b *build) readStamps() (err error) {
	b.version = strings.TrimPrefix(b.info.Main.Version, "v")
	for _, setting := range b.info.Settings {
		switch setting.Key {
		case "vcs.revision":
			b.commit = setting.Value
		case "vcs.time":
			if b.time, err = time.Parse(time.RFC3339, setting.Value); err != nil {
				return err
			}
		}
	}
	if b.commit == "" {
		return &hinted{fmt.Errorf("%s: the go command found no commit", b.target), "is git installed?"}
	}
	return nil
}

// withoutGo returns the environment without what changes a program, or how it is stamped: flags,
// experiments, levels of the architecture. Where modules and the toolchain come from stays.
func withoutGo(environ []string) (kept []string) {
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		switch name {
		case "GOFLAGS", "GOEXPERIMENT", "GOAMD64", "GOARM", "GOARM64", "GO386", "GODEBUG", "GOFIPS140", "GOOS", "GOARCH", "GOWORK":
		default:
			kept = append(kept, variable)
		}
	}
	return append(kept, "GOWORK=off")
}

// thisMachine is where the program itself writes its documents.
func thisMachine() target { return target{os: runtime.GOOS, arch: runtime.GOARCH} }
