package protocol

import (
	"bytes"
	"math/bits"
	"unicode/utf8"
)

// scan splits a frame into its members in one validating pass without allocating. It reports
// false if the frame is not JSON, and also if deciding would take more than a relay's usual frame
// needs: escapes in names, deep nesting, many names in one object. Measured on a 1.2 KB offer, it
// takes less than half of jsontext's time (docs/performance.md).
//
// The functions take the rest of the frame and return the rest after the part they are named for,
// or nil if that part is missing. Written this way, the compiler sees that nothing is read past
// the end, and in Wasm, where it keeps everything but local variables in memory, it has the least
// to do.
func scan(frame []byte, raw *members) bool {
	b := skipSpace(frame)
	if len(b) == 0 || b[0] != '{' {
		return false
	}
	if b = skipObject(b[1:], 0, raw); b == nil {
		return false
	}
	return len(skipSpace(b)) == 0
}

const (
	// maxScanDepth is twice what an RTCSessionDescriptionInit with extras nests.
	maxScanDepth = 6
	// maxScanNames bounds the names that are compared pair by pair to find repetitions.
	maxScanNames = 16
)

// skipObject takes the members after '{' and the '}'. raw receives those of the top-level object.
func skipObject(b []byte, depth int, raw *members) []byte {
	if b = skipSpace(b); len(b) > 0 && b[0] == '}' {
		return b[1:]
	}
	var others [maxScanNames][]byte // the names that are no field
	n, known := 0, uint32(0)
	for len(b) > 0 && b[0] == '"' {
		name := b[1:]
		if b = skipText(name); b == nil {
			return nil
		}
		name = name[:len(name)-len(b)-1]
		f := fieldNone
		if raw != nil {
			f = fieldOf(name)
		}
		if f != fieldNone {
			if known&(1<<f) != 0 {
				return nil
			}
			known |= 1 << f
		} else {
			if n == maxScanNames || bytes.IndexByte(name, '\\') >= 0 || repeats(others[:n], name) {
				return nil
			}
			others[n] = name
			n++
		}
		if b = skipSpace(b); len(b) == 0 || b[0] != ':' {
			return nil
		}
		value := skipSpace(b[1:])
		if b = skipValue(value, depth); b == nil {
			return nil
		}
		if f != fieldNone {
			raw[f] = value[:len(value)-len(b)]
		}
		if b = skipSpace(b); len(b) == 0 {
			return nil
		}
		if b[0] == '}' {
			return b[1:]
		}
		if b[0] != ',' {
			return nil
		}
		b = skipSpace(b[1:])
	}
	return nil
}

func repeats(names [][]byte, name []byte) bool {
	for _, other := range names {
		if bytes.Equal(other, name) {
			return true
		}
	}
	return false
}

func skipSpace(b []byte) []byte {
	for len(b) > 0 && b[0] <= ' ' && (b[0] == ' ' || b[0] == '\n' || b[0] == '\r' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

func skipValue(b []byte, depth int) []byte {
	if len(b) == 0 {
		return nil
	}
	switch c := b[0]; {
	case c == '"':
		return skipText(b[1:])
	case c == '{' && depth < maxScanDepth:
		return skipObject(b[1:], depth+1, nil)
	case c == '[' && depth < maxScanDepth:
		return skipArray(b[1:], depth+1)
	case c == '-' || c-'0' <= 9:
		return skipNumber(b)
	case c == 'n':
		return skipWord(b, "null")
	case c == 't':
		return skipWord(b, "true")
	case c == 'f':
		return skipWord(b, "false")
	}
	return nil
}

func skipArray(b []byte, depth int) []byte {
	if b = skipSpace(b); len(b) > 0 && b[0] == ']' {
		return b[1:]
	}
	for {
		if b = skipValue(skipSpace(b), depth); b == nil {
			return nil
		}
		if b = skipSpace(b); len(b) == 0 {
			return nil
		}
		if b[0] == ']' {
			return b[1:]
		}
		if b[0] != ',' {
			return nil
		}
		b = b[1:]
	}
}

func skipWord(b []byte, w string) []byte {
	if len(b) >= len(w) && string(b[:len(w)]) == w {
		return b[len(w):]
	}
	return nil
}

// skipNumber takes RFC 8259's: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
func skipNumber(b []byte) []byte {
	if b[0] == '-' {
		b = b[1:]
	}
	if len(b) > 0 && b[0] == '0' {
		b = b[1:]
	} else if b = skipDigits(b); b == nil {
		return nil
	}
	if len(b) > 0 && b[0] == '.' {
		if b = skipDigits(b[1:]); b == nil {
			return nil
		}
	}
	if len(b) > 0 && b[0]|0x20 == 'e' {
		b = b[1:]
		if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
			b = b[1:]
		}
		return skipDigits(b)
	}
	return b
}

func skipDigits(b []byte) []byte {
	if len(b) == 0 || b[0]-'0' > 9 {
		return nil
	}
	for len(b) > 0 && b[0]-'0' <= 9 {
		b = b[1:]
	}
	return b
}

// skipText takes the rest of a string and its closing quote. It skips plain ASCII eight bytes at a
// time.
func skipText(b []byte) []byte {
	for {
		for len(b) >= 12 {
			stop := unusual(load64(b))
			if stop == 0 {
				b = b[8:]
				continue
			}
			b = b[bits.TrailingZeros64(stop)>>3&7:]
			if len(b) < 4 || load32(b) != crlf {
				break
			}
			b = b[4:]
		}
		if len(b) == 0 {
			return nil
		}
		switch c := b[0]; {
		case c == '"':
			return b[1:]
		case c == '\\':
			n := escape(b)
			if n == 0 {
				return nil
			}
			b = b[n:]
		case c < 0x20:
			return nil
		case c < utf8.RuneSelf:
			b = b[1:]
		default:
			r, n := utf8.DecodeRune(b)
			if r == utf8.RuneError && n == 1 {
				return nil
			}
			b = b[n:]
		}
	}
}

// crlf is `\r\n` as load32 reads it: every line of SDP ends so (RFC 8866).
const crlf = '\\' | 'r'<<8 | '\\'<<16 | 'n'<<24

// load64 and load32 read the first bytes, the first lowest. The compiler makes each one
// instruction, as it does for encoding/binary, which would link reflect.
func load64(b []byte) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

func load32(b []byte) uint32 {
	_ = b[3]
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

// unusual has the top bit set of the first byte that ends the plain run: a control character, a
// quote, a backslash or anything not ASCII. A byte minus its bound borrows into the top bit if it
// is below; bits above the first may be set by borrows.
func unusual(w uint64) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	return ((w - ones*0x20) | ((w ^ ones*'"') - ones) | ((w ^ ones*'\\') - ones) | w) & tops
}

// escape returns the length of the escape at the start of b, 0 for a wrong one. A surrogate need
// not be one of a pair (RFC 8259, section 8.2).
func escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 {
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
