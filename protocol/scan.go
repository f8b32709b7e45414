package protocol

import (
	"bytes"
	"math/bits"
	"unicode/utf8"
)

// scan splits a frame into its members in one validating pass without
// allocating. It reports false where the frame is not JSON, and also where
// telling would take more than a relay's usual frame needs: escapes in names, surrogates,
// deep nesting, many names in one object. Measured on a 1.2 KB offer, it takes
// less than half of jsontext's time (docs/performance.md).
//
// The functions take a position and return the one after what they are named
// for, or a negative number where it is not there: positions in registers
// are what makes this fast in Wasm, where Go keeps everything else in memory.
func scan(frame []byte, raw *members) bool {
	i := spaceEnd(frame, 0)
	if i >= len(frame) || frame[i] != '{' {
		return false
	}
	if i = objectEnd(frame, i+1, 0, raw); i < 0 {
		return false
	}
	return spaceEnd(frame, i) == len(frame)
}

const (
	// maxScanDepth is twice what an RTCSessionDescriptionInit with extras nests.
	maxScanDepth = 6
	// maxScanNames bounds the names whose repetition is looked for pair by pair.
	maxScanNames = 16
)

// span is a piece of the frame.
type span struct{ start, end uint32 }

// objectEnd takes the members after '{' and the '}'. raw receives those of the top-level object.
func objectEnd(b []byte, i, depth int, raw *members) int {
	if i = spaceEnd(b, i); i < len(b) && b[i] == '}' {
		return i + 1
	}
	var others [maxScanNames]span // the names that are no field
	n, known := 0, uint32(0)
	for i < len(b) && b[i] == '"' {
		start := i + 1
		i = textEnd(b, start)
		if i < 0 {
			return -1
		}
		f := fieldNone
		if raw != nil {
			f = fieldOf(b[start : i-1])
		}
		if f != fieldNone {
			if known&(1<<f) != 0 {
				return -1
			}
			known |= 1 << f
		} else {
			name := span{uint32(start), uint32(i - 1)}
			if n == maxScanNames || !comparable(b, name) || repeats(b, others[:n], name) {
				return -1
			}
			others[n] = name
			n++
		}
		if i < len(b) && b[i] != ':' {
			i = spaceEnd(b, i)
		}
		if i >= len(b) || b[i] != ':' {
			return -1
		}
		start = spaceEnd(b, i+1)
		if i = valueEnd(b, start, depth); i < 0 {
			return -1
		}
		if f != fieldNone {
			raw[f] = b[start:i]
		}
		if i = spaceEnd(b, i); i >= len(b) {
			return -1
		}
		switch b[i] {
		case '}':
			return i + 1
		case ',':
			i = spaceEnd(b, i+1)
		default:
			return -1
		}
	}
	return -1
}

// comparable reports whether a name can be compared byte by byte: it has no
// escapes.
func comparable(b []byte, name span) bool { return bytes.IndexByte(b[name.start:name.end], '\\') < 0 }

func repeats(b []byte, names []span, name span) bool {
	for _, other := range names {
		if bytes.Equal(b[other.start:other.end], b[name.start:name.end]) {
			return true
		}
	}
	return false
}

func spaceEnd(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

func valueEnd(b []byte, i, depth int) int {
	if i >= len(b) {
		return -1
	}
	switch c := b[i]; {
	case c == '"':
		return textEnd(b, i+1)
	case c == '{':
		if depth < maxScanDepth {
			return objectEnd(b, i+1, depth+1, nil)
		}
		return -1
	case c == '[':
		if depth < maxScanDepth {
			return arrayEnd(b, i+1, depth+1)
		}
		return -1
	case c == '-' || c >= '0' && c <= '9':
		return numberEnd(b, i)
	case c == 'n':
		return wordEnd(b, i, "null")
	case c == 't':
		return wordEnd(b, i, "true")
	case c == 'f':
		return wordEnd(b, i, "false")
	}
	return -1
}

func arrayEnd(b []byte, i, depth int) int {
	if i = spaceEnd(b, i); i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = valueEnd(b, spaceEnd(b, i), depth); i < 0 {
			return -1
		}
		if i = spaceEnd(b, i); i >= len(b) {
			return -1
		}
		switch b[i] {
		case ']':
			return i + 1
		case ',':
			i++
		default:
			return -1
		}
	}
}

func wordEnd(b []byte, i int, w string) int {
	if len(b)-i >= len(w) && string(b[i:i+len(w)]) == w {
		return i + len(w)
	}
	return -1
}

// numberEnd takes RFC 8259's: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
func numberEnd(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if i = digitsEnd(b, i); i < 0 {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		if i = digitsEnd(b, i+1); i < 0 {
			return -1
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		return digitsEnd(b, i)
	}
	return i
}

func digitsEnd(b []byte, i int) int {
	start := i
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	if i == start {
		return -1
	}
	return i
}

// textEnd takes the rest of a string and its closing quote. It skips plain
// ASCII eight bytes at a time.
func textEnd(b []byte, i int) int {
	for {
		for i+12 <= len(b) {
			stop := unusual(load64(b, i))
			if stop == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(stop) >> 3
			if load32(b, i) != crlf {
				break
			}
			i += 4
		}
		if i >= len(b) {
			return -1
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			n := escape(b[i:])
			if n == 0 {
				return -1
			}
			i += n
		case c < 0x20:
			return -1
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				return -1
			}
			i += n
		}
	}
}

// crlf is `\r\n` as load32 reads it: every line of SDP ends so (RFC 8866).
const crlf = '\\' | 'r'<<8 | '\\'<<16 | 'n'<<24

// load64 and load32 read the bytes from i on, the first lowest. The compiler makes
// each one instruction, as it does for encoding/binary, which would link reflect.
func load64(b []byte, i int) uint64 {
	b = b[i : i+8]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

func load32(b []byte, i int) uint32 {
	b = b[i : i+4]
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

// unusual has the top bit of the first byte set that ends the plain run: a
// control character, a quote, a backslash or anything not ASCII. A byte minus its
// bound borrows into the top bit where it is below; bits above the first may be set by borrows.
func unusual(w uint64) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	return ((w - ones*0x20) | ((w ^ ones*'"') - ones) | ((w ^ ones*'\\') - ones) | w) & tops
}

// escape returns the length of the escape at the start of b, 0 for a wrong
// one and for surrogates, which come in pairs.
func escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 || (b[2]|0x20 == 'd' && b[3] >= '8') {
			return 0
		}
		for _, c := range b[2:6] {
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return 0
			}
		}
		return 6
	}
	return 0
}
