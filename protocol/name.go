package protocol

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// TrimName returns a new name without surrounding white space, and whether it may be taken: it is
// UTF-8, 1 to maxUnits UTF-16 units long, displays something, and has neither control characters
// nor bidirectional embeddings, overrides and isolates, which would reorder the text around the
// name.
func TrimName(name string, maxUnits int) (string, bool) {
	name = strings.TrimSpace(name)
	units, visible := 0, false
	for i, r := range name {
		if isControl(r) || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return "", false
		}
		if r == utf8.RuneError && !strings.HasPrefix(name[i:], string(utf8.RuneError)) {
			return "", false // a byte that is not UTF-8
		}
		visible = visible || displays(r)
		units++
		if r > 0xffff {
			units++
		}
	}
	return name, visible && units <= maxUnits
}

// CutName returns the longest prefix of the name that has at most maxUnits UTF-16 units.
func CutName(name string, maxUnits int) string {
	units := 0
	for i, r := range name {
		units++
		if r > 0xffff {
			units++
		}
		if units > maxUnits {
			return name[:i]
		}
	}
	return name
}

// isControl reports whether r is a control character (Unicode's Cc) or ends a line or paragraph.
func isControl(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029'
}

// displays reports whether r puts ink on the screen by itself. White space, combining marks and the
// characters in blank do not.
func displays(r rune) bool {
	if r > ' ' && r < 0x7f {
		return true
	}
	for _, b := range blank {
		if r <= b.last {
			return r < b.first && !unicode.IsSpace(r) && !unicode.Is(unicode.M, r)
		}
	}
	return !unicode.Is(unicode.M, r)
}

// blank are the characters that are neither white space nor combining marks and display
// nothing: Unicode's Default_Ignorable_Code_Point, and a few whose glyph is empty.
var blank = []struct{ first, last rune }{
	{0x00ad, 0x00ad},   // soft hyphen
	{0x034f, 0x034f},   // combining grapheme joiner
	{0x061c, 0x061c},   // Arabic letter mark
	{0x115f, 0x1160},   // Hangul choseong and jungseong fillers
	{0x17b4, 0x17b5},   // Khmer inherent vowels
	{0x180b, 0x180f},   // Mongolian variation selectors and vowel separator
	{0x200b, 0x200f},   // zero width space, joiners and directional marks
	{0x202a, 0x202e},   // bidirectional embeddings and overrides
	{0x2060, 0x206f},   // word joiner, invisible operators, isolates, deprecated formats
	{0x2800, 0x2800},   // braille pattern blank
	{0x3164, 0x3164},   // Hangul filler
	{0xfe00, 0xfe0f},   // variation selectors
	{0xfeff, 0xfeff},   // byte order mark
	{0xffa0, 0xffa0},   // halfwidth Hangul filler
	{0xfff0, 0xfffb},   // unassigned ignorables and interlinear annotations
	{0x13430, 0x13440}, // Egyptian hieroglyph format controls
	{0x16fe4, 0x16fe4}, // Khitan small script filler
	{0x1bca0, 0x1bca3}, // shorthand format controls
	{0x1d159, 0x1d159}, // musical null notehead
	{0x1d173, 0x1d17a}, // musical format controls
	{0xe0000, 0xe0fff}, // tags and variation selectors
}
