package main

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// valueError describes the mistake in a setting's value. report adds where the value came from.
type valueError struct {
	name    string // of the setting
	problem string
	hint    string
}

func (e *valueError) Error() string { return e.problem }

// decodeString replaces kong's own decoder, to give its own error. It keeps white space, so that a
// secret with white space is refused rather than changed.
func decodeString(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("text")
	if err != nil {
		return &valueError{ctx.Value.Name, "needs a value", ""}
	}
	text := token.String()
	if strings.TrimSpace(text) == "" && ctx.Value.HasDefault {
		return emptyValue(ctx)
	}
	target.SetString(text)
	return nil
}

// emptyValue is the error for an empty value of a setting whose default is not empty: such a value
// would mean something that nobody wants, such as serving no browser at all.
func emptyValue(ctx *kong.DecodeContext) error {
	return &valueError{ctx.Value.Name, "is empty", "leave it out for the default, " + ctx.Value.Default}
}

// popText takes the single value of a setting.
func popText(ctx *kong.DecodeContext, context string) (string, error) {
	token, err := ctx.Scan.PopValue(context)
	if err != nil {
		return "", &valueError{ctx.Value.Name, "needs a value", ""}
	}
	return strings.TrimSpace(token.String()), nil
}

// decode takes one value, parses it and checks it against the setting's bounds.
func decode[T cmp.Ordered](ctx *kong.DecodeContext, parse func(string) (T, error), what, hint string) (T, error) {
	var zero T
	text, err := popText(ctx, what)
	if err != nil {
		return zero, err
	}
	value, err := parse(text)
	if err != nil {
		return zero, &valueError{ctx.Value.Name, fmt.Sprintf("%q is not a %s", text, what), hint}
	}
	problem := ""
	low, high := ctx.Value.Tag.Get("min"), ctx.Value.Tag.Get("max")
	if bound, err := parse(low); low != "" && err == nil && value < bound {
		problem = fmt.Sprintf("%s is less than %s", text, low)
	}
	if bound, err := parse(high); high != "" && err == nil && value > bound {
		problem = fmt.Sprintf("%s is more than %s", text, high)
	}
	if problem == "" {
		return value, nil
	}
	hint = fmt.Sprintf("%s is %s or more", ctx.Value.Name, low)
	if high != "" {
		hint = fmt.Sprintf("%s is %s to %s", ctx.Value.Name, low, high)
	}
	return zero, &valueError{ctx.Value.Name, problem, hint}
}

// duration is a time.Duration that also understands days.
type duration time.Duration

func (d *duration) Decode(ctx *kong.DecodeContext) error {
	value, err := decode(ctx, parseDuration, "duration", "write a number and its unit: 500ms, 40s, 1m30s, 12h, 30d")
	*d = duration(value)
	return err
}

func parseDuration(text string) (time.Duration, error) {
	days, rest, found := strings.Cut(text, "d")
	if !found {
		return time.ParseDuration(text)
	}
	count, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, err
	}
	value := time.Duration(count) * 24 * time.Hour
	if rest == "" {
		return value, nil
	}
	part, err := time.ParseDuration(rest)
	if part < 0 {
		err = errors.New("sign within a duration")
	}
	return value + part, err
}

// String returns the shortest form that parses to the same duration.
func (d duration) String() string {
	const day = duration(24 * time.Hour)
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	text := time.Duration(d).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func (d duration) ms() int64 { return time.Duration(d).Milliseconds() }

// byteSize is a number of bytes.
type byteSize int64

// byteUnits has the largest unit first. A unit's suffix is never tried before the unit itself.
var byteUnits = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1},
}

func (b *byteSize) Decode(ctx *kong.DecodeContext) error {
	value, err := decode(ctx, parseBytes, "size in bytes",
		"write a whole number and perhaps a unit: 65536, 64KiB, 4MiB, 1GB")
	*b = byteSize(value)
	return err
}

func parseBytes(text string) (int64, error) {
	factor := int64(1)
	for _, unit := range byteUnits {
		digits := len(text) - len(unit.name)
		if digits > 0 && strings.EqualFold(text[digits:], unit.name) {
			text, factor = strings.TrimSpace(text[:digits]), unit.bytes
			break
		}
	}
	count, err := strconv.ParseInt(text, 10, 64)
	if err == nil && count*factor/factor != count {
		err = strconv.ErrRange
	}
	return count * factor, err
}

// String returns the number in the largest unit that leaves no remainder.
func (b byteSize) String() string {
	for _, unit := range byteUnits {
		if strings.Contains(unit.name, "i") && b != 0 && int64(b)%unit.bytes == 0 {
			return strconv.FormatInt(int64(b)/unit.bytes, 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// count is a whole number of things.
type count int

func (c *count) Decode(ctx *kong.DecodeContext) error {
	value, err := decode(ctx, strconv.Atoi, "whole number", "write only digits, such as 50")
	*c = count(value)
	return err
}

// choice is one of the words in the tag choices.
type choice string

func (c *choice) Decode(ctx *kong.DecodeContext) error {
	choices := strings.Split(ctx.Value.Tag.Get("choices"), ",")
	hint := ctx.Value.Name + " is " + enumerate(choices, "or")
	text, err := popText(ctx, "word")
	if err != nil { // --page is not short for --page true
		return &valueError{ctx.Value.Name, "needs a value", hint}
	}
	for _, word := range choices {
		if text == word {
			*c = choice(word)
			return nil
		}
	}
	if near := closest(text, choices); near != "" {
		hint = "did you mean " + near + "?\n" + hint
	}
	return &valueError{ctx.Value.Name, fmt.Sprintf("%q is not a choice", text), hint}
}
