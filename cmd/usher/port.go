package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// portRange is MIN-MAX.
type portRange struct{ low, high int }

// String returns the range as it is written.
func (p portRange) String() string { return fmt.Sprintf("%d-%d", p.low, p.high) }

func (p *portRange) Decode(ctx *kong.DecodeContext) error {
	var text string
	if err := ctx.Scan.PopValueInto("range", &text); err != nil {
		return &valueError{ctx.Value.Name, "needs a value", ""}
	}
	low, high, found := strings.Cut(text, "-")
	min, err := strconv.ParseUint(strings.TrimSpace(low), 10, 16)
	max, err2 := strconv.ParseUint(strings.TrimSpace(high), 10, 16)
	if !found || err != nil || err2 != nil || min > max {
		return &valueError{ctx.Value.Name, fmt.Sprintf("%q is not a range of ports", text), "write it as MIN-MAX, such as 49152-65535"}
	}
	p.low, p.high = int(min), int(max)
	return nil
}

// ipAddress is an IP address, or none.
type ipAddress struct{ netip.Addr }

// String returns "" for none.
func (a ipAddress) String() string {
	if !a.IsValid() {
		return ""
	}
	return a.Addr.String()
}

func (a *ipAddress) Decode(ctx *kong.DecodeContext) error {
	var text string
	if err := ctx.Scan.PopValueInto("address", &text); err != nil {
		return &valueError{ctx.Value.Name, "needs a value", ""}
	}
	parsed, err := netip.ParseAddr(strings.TrimSpace(text))
	if err != nil && text != "" {
		return &valueError{ctx.Value.Name, fmt.Sprintf("%q is not an IP address", text), "such as 203.0.113.7 or 2001:db8::7; turn-host is for a name"}
	}
	a.Addr = parsed.Unmap()
	return nil
}
