package protocol

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// RelayOnly reports whether an offer, an answer or a candidate, as a valid JSON value, shows no
// address but those of TURN servers. Each line of each of its texts that could be taken for a
// candidate must be one of type relay (RFC 8839, section 5.1), as browsers write it, and any raddr
// must be unspecified. So must what SDP names as the address for media (c= of RFC 8866, section
// 5.7, and a=rtcp of RFC 3605), unless the text has a relay candidate with that address: browsers
// name the default candidate there (RFC 8839, section 4.2.1). What is in doubt is not allowed. A
// sender may lie about the type; it then shows only its own address.
func RelayOnly(payload []byte) bool {
	var text []byte
	for i := 0; i < len(payload); i++ {
		if payload[i] != '"' {
			continue
		}
		end := i + 1
		for end < len(payload) && payload[end] != '"' {
			if payload[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(payload) {
			return false
		}
		quoted := payload[i : end+1]
		i = end
		if isName(payload[end+1:]) {
			continue
		}
		text = quoted[1 : len(quoted)-1]
		if bytes.IndexByte(text, '\\') >= 0 {
			var err error
			if text, err = jsontext.AppendUnquote(nil, quoted); err != nil {
				return false // a lone surrogate
			}
		}
		if !showsRelaysOnly(text) {
			return false
		}
	}
	return true
}

// isName reports whether what follows a string makes it the name of a member.
func isName(rest []byte) bool {
	rest = skipSpace(rest)
	return len(rest) > 0 && rest[0] == ':'
}

// maxMediaAddresses bounds the different addresses for media in a text. Browsers name one for each
// network and TURN server at most.
const maxMediaAddresses = 8

func showsRelaysOnly(text []byte) bool {
	var media addresses
	for rest := text; len(rest) > 0; {
		var line []byte
		line, rest = cutLine(rest)
		if suspicious(line) && !isRelay(line) && !equalFold(line, "a=end-of-candidates") {
			return false
		}
		address, isMedia := mediaAddress(line)
		if isMedia && !isUnspecified(address) && !media.add(address) {
			return false
		}
	}
	// A second time, because a candidate may come before or after its address.
	for rest := text; len(rest) > 0 && media.n > 0; {
		var line []byte
		line, rest = cutLine(rest)
		if isRelay(line) {
			media.remove(candidateAddress(line))
		}
	}
	return media.n == 0
}

// addresses are a few different ones, as texts have them.
type addresses struct {
	list [maxMediaAddresses][]byte
	n    int
}

// find returns the index of an address, n if it is not among them.
func (a *addresses) find(address []byte) int {
	for i, known := range a.list[:a.n] {
		if bytes.EqualFold(address, known) {
			return i
		}
	}
	return a.n
}

// add reports whether the address is one, and there was room for it.
func (a *addresses) add(address []byte) bool {
	if a.find(address) < a.n {
		return true
	}
	if a.n == len(a.list) || !isAddress(address) {
		return false
	}
	a.list[a.n] = address
	a.n++
	return true
}

func (a *addresses) remove(address []byte) {
	if i := a.find(address); i < a.n {
		a.n--
		a.list[i] = a.list[a.n]
	}
}

// cutLine cuts the first line off.
func cutLine(text []byte) (line, rest []byte) {
	if end := bytes.IndexAny(text, "\r\n"); end >= 0 {
		return text[:end], text[end+1:]
	}
	return text, nil
}

// mediaAddress reports whether a line says at which address media is received, and returns that
// address, nil if it cannot be read.
func mediaAddress(line []byte) (address []byte, isMedia bool) {
	line = bytes.TrimLeftFunc(line, isBlank)
	switch {
	case hasPrefixFold(line, "a=rtcp:"):
		w := words{rest: line[len("a=rtcp:"):]}
		w.next() // the port
		if len(bytes.TrimLeft(w.rest, " ")) == 0 && !w.bad {
			return nil, false
		}
		return w.connection(), true
	case hasPrefixFold(line, "c"):
		value := bytes.TrimLeftFunc(line[1:], isBlank)
		if len(value) == 0 || value[0] != '=' {
			return nil, false
		}
		w := words{rest: value[1:]}
		return w.connection(), true
	}
	return nil, false
}

// isBlank reports whether somebody lenient could skip r: it is no reason to let a line pass.
func isBlank(r rune) bool { return r <= ' ' || r >= 0x7f }

// candidateAddress returns the address of a line that is a candidate.
func candidateAddress(line []byte) []byte {
	w := words{rest: line}
	for range 4 {
		w.next()
	}
	return w.next()
}

// suspicious reports whether a line has "candidate" anywhere, or one of the words typ and raddr.
func suspicious(line []byte) bool {
	for i := range line {
		switch line[i] | 0x20 {
		case 'c':
			if hasPrefixFold(line[i:], "candidate") {
				return true
			}
		case 'r', 't':
			for _, word := range [...]string{"raddr", "typ"} {
				if hasPrefixFold(line[i:], word) && (i == 0 || isBreak(line[i-1:i])) && isBreak(line[i+len(word):]) {
					return true
				}
			}
		}
	}
	return false
}

// isBreak reports whether a word ends before b.
func isBreak(b []byte) bool { return len(b) == 0 || b[0] <= ' ' || b[0] >= 0x7f }

// isRelay reports whether a line is a candidate of type relay that shows no other address:
//
//	candidate:1 1 udp 41885439 203.0.113.7 49160 typ relay raddr 0.0.0.0 rport 0 generation 0
func isRelay(line []byte) bool {
	if hasPrefixFold(line, "a=") {
		line = line[2:]
	}
	if !hasPrefixFold(line, "candidate:") {
		return false
	}
	line = line[len("candidate:"):]
	w := words{rest: line}
	foundation, component, transport, priority := w.next(), w.next(), w.next(), w.next()
	address, port := w.next(), w.next()
	typ, kind := w.next(), w.next()
	if len(foundation) == 0 || !isNumber(component) || !equalFold(transport, "udp") || !isNumber(priority) ||
		!isAddress(address) || !isNumber(port) || !equalFold(typ, "typ") || !equalFold(kind, "relay") {
		return false
	}
	for {
		name := w.next()
		if len(name) == 0 {
			return !w.bad
		}
		value := w.next()
		switch {
		case len(value) == 0, equalFold(name, "typ"), suspicious(value):
			return false
		case equalFold(name, "raddr"):
			if !isUnspecified(value) {
				return false
			}
		case suspicious(name):
			return false
		}
	}
}

// words are separated by spaces.
type words struct {
	rest []byte
	// bad: there is something other than printable ASCII.
	bad bool
}

func (w *words) next() []byte {
	for len(w.rest) > 0 && w.rest[0] == ' ' {
		w.rest = w.rest[1:]
	}
	n := 0
	for n < len(w.rest) && w.rest[n] != ' ' {
		if w.rest[n] < ' ' || w.rest[n] >= 0x7f {
			w.bad, w.rest = true, nil
			return nil
		}
		n++
	}
	word := w.rest[:n]
	w.rest = w.rest[n:]
	return word
}

// connection reads the address of a connection, nil if the words are none: IN IP4 0.0.0.0
func (w *words) connection() []byte {
	network, family, address := w.next(), w.next(), w.next()
	if !equalFold(network, "in") || !equalFold(family, "ip4") && !equalFold(family, "ip6") || len(w.next()) > 0 || w.bad {
		return nil
	}
	return address
}

func isNumber(b []byte) bool {
	for _, c := range b {
		if c-'0' > 9 {
			return false
		}
	}
	return len(b) > 0 && len(b) <= 10
}

// isAddress reports whether b has the form of an IP address, and of no name such as those of mDNS.
func isAddress(b []byte) bool {
	dots, colons := 0, 0
	for _, c := range b {
		switch {
		case c == '.':
			dots++
		case c == ':':
			colons++
		case c-'0' <= 9:
		case c|0x20 < 'a' || c|0x20 > 'f':
			return false
		default:
			colons += 0x100 // only IPv6 has letters
		}
	}
	if colons == 0 {
		return dots == 3 && len(b) <= len("255.255.255.255")
	}
	return colons&0xff >= 2 && len(b) <= len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")
}

// isUnspecified reports whether b is 0.0.0.0 or ::, however it is written.
func isUnspecified(b []byte) bool {
	for _, c := range b {
		if c != '0' && c != ':' && c != '.' {
			return false
		}
	}
	return isAddress(b)
}

func equalFold(b []byte, lower string) bool { return len(b) == len(lower) && hasPrefixFold(b, lower) }

// hasPrefixFold reports whether b begins with lower in any letter case.
func hasPrefixFold(b []byte, lower string) bool {
	if len(b) < len(lower) {
		return false
	}
	for i := range len(lower) {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
