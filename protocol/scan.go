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
func scan(frame []byte, raw *members) bool {
	s := scanner{b: frame}
	s.space()
	if !s.next('{') || !s.object(0, raw) {
		return false
	}
	s.space()
	return s.i == len(frame)
}

const (
	// maxScanDepth is twice what an RTCSessionDescriptionInit with extras nests.
	maxScanDepth = 6
	// maxScanNames bounds the names whose repetition is looked for pair by pair.
	maxScanNames = 16
)

// scanner is a position in a frame. Each method takes what it is named after
// and reports whether it was there.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

func (s *scanner) next(c byte) bool {
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

// object takes the members after '{' and the '}'. raw receives those of the top-level object.
func (s *scanner) object(depth int, raw *members) bool {
	var names [maxScanNames][]byte
	s.space()
	if s.next('}') {
		return true
	}
	for n := 0; n < maxScanNames; n++ {
		name, ok := s.name()
		if !ok || repeats(names[:n], name) {
			return false
		}
		names[n] = name
		s.space()
		if !s.next(':') {
			return false
		}
		s.space()
		start := s.i
		if !s.value(depth) {
			return false
		}
		if raw != nil {
			raw[fieldOf(name)] = s.b[start:s.i]
		}
		s.space()
		if s.next('}') {
			if raw != nil {
				raw[fieldNone] = nil
			}
			return true
		}
		if !s.next(',') {
			return false
		}
		s.space()
	}
	return false
}

func repeats(names [][]byte, name []byte) bool {
	for _, other := range names {
		if bytes.Equal(other, name) {
			return true
		}
	}
	return false
}

// name takes a string without escapes, so that names can be compared byte by byte.
func (s *scanner) name() ([]byte, bool) {
	if !s.next('"') {
		return nil, false
	}
	start := s.i
	if !s.text() {
		return nil, false
	}
	name := s.b[start : s.i-1]
	return name, bytes.IndexByte(name, '\\') < 0
}

func (s *scanner) value(depth int) bool {
	if s.i == len(s.b) {
		return false
	}
	c := s.b[s.i]
	switch {
	case c == '"':
		s.i++
		return s.text()
	case c == '{':
		s.i++
		return depth < maxScanDepth && s.object(depth+1, nil)
	case c == '[':
		s.i++
		return depth < maxScanDepth && s.array(depth+1)
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	return s.word("null") || s.word("true") || s.word("false")
}

func (s *scanner) array(depth int) bool {
	s.space()
	if s.next(']') {
		return true
	}
	for {
		s.space()
		if !s.value(depth) {
			return false
		}
		s.space()
		if s.next(']') {
			return true
		}
		if !s.next(',') {
			return false
		}
	}
}

func (s *scanner) word(w string) bool {
	if len(s.b)-s.i >= len(w) && string(s.b[s.i:s.i+len(w)]) == w {
		s.i += len(w)
		return true
	}
	return false
}

// number takes RFC 8259's: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
func (s *scanner) number() bool {
	s.next('-')
	if !s.next('0') && !s.digits() {
		return false
	}
	if s.next('.') && !s.digits() {
		return false
	}
	if s.next('e') || s.next('E') {
		if !s.next('+') {
			s.next('-')
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	start := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i > start
}

// text takes the rest of a string and its closing quote. It skips plain
// ASCII eight bytes at a time.
func (s *scanner) text() bool {
	b, i := s.b, s.i
	for i < len(b) {
		if i+8 <= len(b) {
			stop := unusual(load(b[i : i+8]))
			if stop == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(stop) >> 3
		}
		switch c := b[i]; {
		case c == '\\':
			if i+4 <= len(b) && string(b[i:i+4]) == `\r\n` { // every line of SDP ends so (RFC 8866)
				i += 4
				continue
			}
			n := escape(b[i:])
			if n == 0 {
				return false
			}
			i += n
		case c == '"':
			s.i = i + 1
			return true
		case c < 0x20:
			return false
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				return false
			}
			i += n
		}
	}
	return false
}

// load reads eight bytes, the first lowest. The compiler makes it one
// instruction, as it does for encoding/binary, which would link reflect.
func load(b []byte) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
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
