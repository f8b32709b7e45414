package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestVersionNamesWhatItWasBuiltFrom(t *testing.T) {
	built := "built with " + runtime.Version() + " for " + runtime.GOOS + "/" + runtime.GOARCH + "\n"
	stamps := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{
			{Key: "-trimpath", Value: "true"},
			{Key: "vcs.revision", Value: "58f7b91a"},
			{Key: "vcs.time", Value: "2026-11-26T16:37:10Z"},
			{Key: "vcs.modified", Value: modified},
		}
	}
	for _, test := range []struct {
		info debug.BuildInfo
		want string
	}{
		{debug.BuildInfo{}, "usher (devel)\n" + built},
		{
			debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: stamps("false")},
			"usher v1.2.3\ncommit 58f7b91a of 2026-11-26T16:37:10Z\n" + built,
		},
		{
			debug.BuildInfo{Main: debug.Module{Version: "v1.2.3+dirty"}, Settings: stamps("true")},
			"usher v1.2.3+dirty\ncommit 58f7b91a of 2026-11-26T16:37:10Z, with changes that were not committed\n" + built,
		},
	} {
		if got := versionOf(&test.info).String(); got != test.want {
			t.Errorf("%+v is shown as\n%s\nwant\n%s", test.info, got, test.want)
		}
	}
}
