package main

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"usher/server/edge"
	"usher/server/turn"
)

// list accepts repeated flags, commas and YAML lists.
type list []string

func (l *list) Decode(ctx *kong.DecodeContext) error {
	items, err := popList(ctx, splitCommas)
	*l = append(*l, items...)
	return err
}

// popList takes the text or the YAML list of a setting. split divides a text.
func popList(ctx *kong.DecodeContext, split func(string) []string) ([]string, error) {
	token, err := ctx.Scan.PopValue("list")
	if err != nil {
		return nil, &valueError{ctx.Value.Name, "needs a value", ""}
	}
	items, ok := token.Value.([]string)
	if !ok {
		items = split(token.String())
	}
	var kept []string
	for _, item := range items {
		if item = strings.TrimSpace(item); item != "" {
			kept = append(kept, item)
		}
	}
	if len(kept) == 0 && ctx.Value.HasDefault {
		return nil, emptyValue(ctx)
	}
	return kept, nil
}

func splitCommas(text string) []string { return strings.Split(text, ",") }

// originPatterns are origins and patterns in the form of edge.ParseOrigins.
type originPatterns []string

func (o *originPatterns) Decode(ctx *kong.DecodeContext) error {
	items, err := popList(ctx, splitCommas)
	if err != nil {
		return err
	}
	if _, err := edge.ParseOrigins(items); err != nil {
		return &valueError{ctx.Value.Name, err.Error(), ""}
	}
	*o = append(*o, items...)
	return nil
}

// networks are CIDR networks; an address is the network of only itself.
type networks []netip.Prefix

func (n *networks) Decode(ctx *kong.DecodeContext) error {
	items, err := popList(ctx, splitCommas)
	for _, item := range items {
		prefix, err := parseNetwork(item)
		if err != nil {
			return &valueError{ctx.Value.Name, fmt.Sprintf("%q is neither an address nor a network", item),
				"write an address such as 10.0.0.7 or a network such as 10.0.0.0/8 or fd00::/8"}
		}
		*n = append(*n, prefix)
	}
	return err
}

func parseNetwork(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		prefix, err := netip.ParsePrefix(text)
		return prefix.Masked(), err
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	address = address.WithZone("").Unmap()
	return netip.PrefixFrom(address, address.BitLen()), nil
}

// iceServers are STUN and TURN servers in the forms of turn.ParseICEServer.
type iceServers []turn.ICEServer

func (l *iceServers) Decode(ctx *kong.DecodeContext) error {
	items, err := popList(ctx, splitICEServers)
	for i, item := range items {
		parsed, err := turn.ParseICEServer(item)
		if err != nil {
			// The item itself is not quoted, because it may contain a credential.
			return &valueError{ctx.Value.Name, fmt.Sprintf("entry %d: %v", i+1, err),
				"such as stun:stun.example.org or turn:turn.example.org;username=alice;credential=secret"}
		}
		*l = append(*l, parsed)
	}
	return err
}

var nextICEServer = regexp.MustCompile(`,\s*(stuns?:|turns?:|\{)`)

// splitICEServers divides only before another server, because the JSON form and credentials have
// commas of their own.
func splitICEServers(text string) []string {
	var items []string
	for at := nextICEServer.FindStringIndex(text); at != nil; at = nextICEServer.FindStringIndex(text) {
		items = append(items, text[:at[0]])
		text = text[at[0]+1:]
	}
	return append(items, text)
}

// describeICEServer returns the server without its credential.
func describeICEServer(s turn.ICEServer) string {
	if s.Username == "" {
		return s.String()
	}
	return s.String() + ";username=" + s.Username + ";credential=(set)"
}
