package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

type versionCmd struct {
	JSON bool `name:"json" help:"Write JSON."`
}

// version is what the Go toolchain recorded when it built the program. The revision is empty for a
// build outside a checkout.
type version struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified"`
}

func buildVersion() version {
	v := version{Version: "(devel)", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			v.Revision = setting.Value
		case "vcs.time":
			v.Time = setting.Value
		case "vcs.modified":
			v.Modified = setting.Value == "true"
		}
	}
	return v
}

func (c *versionCmd) Run(out io.Writer) error {
	v := buildVersion()
	if c.JSON {
		return writeJSON(out, v)
	}
	fmt.Fprintf(out, "usher %s\n%s %s/%s\n", v.Version, v.Go, v.OS, v.Arch)
	if v.Revision != "" {
		modified := ""
		if v.Modified {
			modified = ", modified since"
		}
		fmt.Fprintf(out, "revision %s of %s%s\n", v.Revision, v.Time, modified)
	}
	return nil
}

func writeJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
