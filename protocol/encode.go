package protocol

import (
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// The pieces that every Append is made of: appendType opens the object, the others add a member
// with the comma before it; the caller closes it.

func appendType(dst []byte, name string) []byte {
	dst = append(dst, `{"type":"`...)
	dst = append(dst, name...)
	return append(dst, '"')
}

func appendName(dst []byte, name string) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

func appendString(dst []byte, name, value string) []byte {
	return appendQuoted(appendName(dst, name), value)
}

func appendOptional(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return appendString(dst, name, value)
}

func appendInt(dst []byte, name string, value int64) []byte {
	return strconv.AppendInt(appendName(dst, name), value, 10)
}

// appendPositive appends no member for 0.
func appendPositive(dst []byte, name string, value int64) []byte {
	if value == 0 {
		return dst
	}
	return appendInt(dst, name, value)
}

func appendBool(dst []byte, name string, value bool) []byte {
	return strconv.AppendBool(appendName(dst, name), value)
}

// appendFloat writes plain digits if they are short, as JSON.stringify does. Decode accepts no
// infinity, so all values are JSON numbers.
func appendFloat(dst []byte, name string, value float64) []byte {
	format := byte('f')
	if abs := math.Abs(value); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(appendName(dst, name), value, format, -1, 64)
}

// appendQuoted never fails: what is not UTF-8 becomes U+FFFD.
func appendQuoted(dst []byte, value string) []byte {
	dst, _ = jsontext.AppendQuote(dst, value)
	return dst
}
