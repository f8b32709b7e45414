package main

import (
	"slices"
	"testing"
)

func TestCommasWithinAnICEServerDoNotDivideIt(t *testing.T) {
	const json = `{"urls":["turn:b.example","turns:b.example"],"credential":"p,q"}`
	for text, want := range map[string][]string{
		"stun:a.example":                            {"stun:a.example"},
		"stun:a.example, turns:b.example":           {"stun:a.example", " turns:b.example"},
		"turn:a.example;credential=p,q,stun:b":      {"turn:a.example;credential=p,q", "stun:b"},
		"stun:a.example," + json + "," + json:       {"stun:a.example", json, json},
		json:                                        {json},
		"turn:a.example;username=x;credential=,,{}": {"turn:a.example;username=x;credential=,", "{}"},
	} {
		if got := splitICEServers(text); !slices.Equal(got, want) {
			t.Errorf("%s is divided into %q, want %q", text, got, want)
		}
	}
}

func TestAnAddressIsANetworkOfItself(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.7": "10.0.0.7/32", "10.1.2.3/8": "10.0.0.0/8", "::1": "::1/128", "::ffff:10.0.0.7": "10.0.0.7/32",
		"fe80::1%eth0": "fe80::1/128", "10.0.0.0/33": "", "localhost": "", "": "",
	} {
		got, err := parseNetwork(text)
		if (err != nil) != (want == "") || err == nil && got.String() != want {
			t.Errorf("parseNetwork(%q) is %v, %v; want %q", text, got, err, want)
		}
	}
}
