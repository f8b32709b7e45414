package main

import (
	"testing"
	"time"
)

func TestDurationsKnowDaysAndNeedUnits(t *testing.T) {
	const day = 24 * time.Hour
	for _, test := range []struct {
		text string
		want time.Duration
		form string // "" for an error
	}{
		{"0", 0, "0s"}, {"0s", 0, "0s"}, {"500ms", 500 * time.Millisecond, "500ms"},
		{"90s", 90 * time.Second, "1m30s"}, {"60m", time.Hour, "1h"}, {"1h30m", 90 * time.Minute, "1h30m"},
		{"30d", 30 * day, "30d"}, {"1d12h", 36 * time.Hour, "36h"}, {"24h", day, "1d"}, {"20h10s", 20*time.Hour + 10*time.Second, "20h0m10s"},
		{"10m0s", 10 * time.Minute, "10m"}, {"40", 0, ""}, {"", 0, ""}, {"d", 0, ""}, {"-1d", 0, ""}, {"1d-1h", 0, ""}, {"1.5d", 0, ""},
		{"1h1d", 0, ""}, {"99999d", 0, ""}, {"soon", 0, ""},
	} {
		got, err := parseDuration(test.text)
		switch {
		case err != nil && test.form == "":
		case err != nil || got != test.want || duration(got).String() != test.form:
			t.Errorf("parseDuration(%q) is %v (%v), %v; want %v (%s)", test.text, got, duration(got), err, test.want, test.form)
		}
	}
}

func TestByteSizesTakeBothKindsOfUnits(t *testing.T) {
	for _, test := range []struct {
		text string
		want int64
		form string // "" for an error
	}{
		{"0", 0, "0"}, {"1", 1, "1"}, {"65536", 65536, "64KiB"}, {"64KiB", 65536, "64KiB"}, {"64 kib", 65536, "64KiB"}, {"1GB", 1e9, "1000000000"},
		{"1025", 1025, "1025"}, {"4MiB", 4 << 20, "4MiB"}, {"1TiB", 1 << 40, "1TiB"}, {"2kB", 2000, "2000"}, {"7B", 7, "7"}, {"-1", -1, "-1"},
		{"", 0, ""}, {"KiB", 0, ""}, {"1.5MiB", 0, ""}, {"64K", 0, ""}, {"9999999999GiB", 0, ""}, {"much", 0, ""}, {"0x10", 0, ""},
	} {
		got, err := parseBytes(test.text)
		switch {
		case err != nil && test.form == "":
		case err != nil || got != test.want || byteSize(got).String() != test.form:
			t.Errorf("parseBytes(%q) is %d (%v), %v; want %d (%s)", test.text, got, byteSize(got), err, test.want, test.form)
		}
	}
}

func TestClosestFindsSlipsAndPartsButNoStrangers(t *testing.T) {
	words := []string{"seat-grace", "data", "info", "max-people", "TLS_CERT"}
	for text, want := range map[string]string{
		"seat-grase": "seat-grace", "grace": "seat-grace", "inof": "info", "people": "max-people", "tls_crt": "TLS_CERT",
		"port": "", "x": "", "": "", "workers": "",
	} {
		if got := closest(text, words); got != want {
			t.Errorf("closest(%q) is %q, want %q", text, got, want)
		}
	}
}
