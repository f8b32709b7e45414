package protocol

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// loneSurrogate is the text of a string that has a lone surrogate escape: U+D800 encoded in the
// manner of UTF-8, which is not valid UTF-8, so that no id, name or address accepts it.
var loneSurrogate = []byte("\xed\xa0\x80")

// unquote returns the text of a valid JSON string; it copies only if there are escapes.
func unquote(value []byte) ([]byte, bool) {
	if len(value) < 2 || value[0] != '"' {
		return nil, false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1], true
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return loneSurrogate, true
	}
	return text, true
}

func text(value []byte) (string, bool) {
	text, ok := unquote(value)
	return string(text), ok
}

// validURL reports whether an address is UTF-8 without control characters.
func validURL(url string) bool {
	for _, r := range url {
		if isControl(r) {
			return false
		}
	}
	return utf8.ValidString(url)
}

func playback(f field, value []byte) (Playback, bool) {
	choice, _ := unquote(value)
	switch string(choice) {
	case "PLAYING":
		return Play, f == fieldState
	case "PAUSED":
		return Pause, f == fieldState
	case "PLAY":
		return Play, f == fieldAction
	case "PAUSE":
		return Pause, f == fieldAction
	case "SEEK":
		return Seek, f == fieldAction
	}
	return 0, false
}

func controlMode(value []byte) (ControlMode, bool) {
	choice, _ := unquote(value)
	switch string(choice) {
	case "HOST_ONLY":
		return HostOnly, true
	case "FREE_FOR_ALL":
		return FreeForAll, true
	}
	return 0, false
}

// number returns a JSON number that is finite and not negative.
func number(value []byte) (float64, bool) {
	n, err := strconv.ParseFloat(string(value), 64)
	return n, err == nil && n >= 0 && !math.IsInf(n, 0) && value[0] != '"'
}

// milliseconds reads a whole number of at most MaxKeepMs.
func milliseconds(value []byte) (int64, bool) {
	n, ok := number(value)
	return int64(min(n, MaxKeepMs)), ok && n == math.Trunc(n) && n <= MaxKeepMs
}

func count(value []byte) (int, bool) {
	n, ok := number(value)
	return int(min(n, 1<<20)), ok && n == math.Trunc(n)
}
