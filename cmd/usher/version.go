package main

import (
	"encoding/json"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/alecthomas/kong"
)

type versionCmd struct {
	JSON bool `name:"json" help:"Write JSON."`
}

// versionFlag is usher --version, which people try first.
type versionFlag bool

// BeforeReset answers before anything else is read, so that no setting can keep it from it.
func (versionFlag) BeforeReset(app *kong.Kong, out io.Writer) error {
	err := (&versionCmd{}).Run(out)
	app.Exit(0)
	return err
}

// version is what the Go toolchain recorded when it built the program. The commit is empty for a
// build outside a checkout.
type version struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Date     string `json:"date,omitempty"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

func buildVersion() version {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return versionOf(info)
}

func versionOf(info *debug.BuildInfo) version {
	v := version{Version: "(devel)", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			v.Commit = setting.Value
		case "vcs.time":
			v.Date = setting.Value
		case "vcs.modified":
			v.Modified = setting.Value == "true"
		}
	}
	return v
}

// String is three lines at most: what it is, what it was built from, and with what.
func (v version) String() string {
	text := "usher " + v.Version + "\n"
	if v.Commit != "" {
		text += "commit " + v.Commit + " of " + v.Date
		if v.Modified {
			text += ", with changes that were not committed"
		}
		text += "\n"
	}
	return text + "built with " + v.Go + " for " + v.OS + "/" + v.Arch + "\n"
}

func (c *versionCmd) Run(out io.Writer) error {
	v := buildVersion()
	if c.JSON {
		return writeJSON(out, v)
	}
	_, err := io.WriteString(out, v.String())
	return err
}

func writeJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
