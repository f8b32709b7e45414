package edge

import "bytes"

// maxHandshakeBytes and maxHandshakeHeaders bound the handshakes that a poller reads. Those of
// browsers are a quarter of that. As many headers as fit otherwise would take 20 times as long to
// read, while the poller reads nothing else.
const (
	maxHandshakeBytes   = 4 << 10
	maxHandshakeHeaders = 64
)

// handshakeBytes returns how long the handshake at the beginning of what a client has sent is, 0 if
// that is none, or none that net/http would certainly give to the router as it is: all that is
// incomplete, long or unusual is for net/http to judge.
func handshakeBytes(sent []byte) int {
	end := bytes.Index(sent[:min(len(sent), maxHandshakeBytes)], []byte("\r\n\r\n"))
	if end < 0 {
		return 0
	}
	line, rest, _ := bytes.Cut(sent[:end], []byte("\r\n"))
	if !bytes.HasPrefix(line, []byte("GET /")) || !bytes.HasSuffix(line, []byte(" HTTP/1.1")) || !printable(line) {
		return 0
	}
	hosts, upgrades := 0, 0
	for headers := 1; len(rest) > 0; headers++ {
		if headers > maxHandshakeHeaders {
			return 0
		}
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || !isName(name) || !printable(value) {
			return 0
		}
		switch {
		case bytes.EqualFold(name, []byte("host")):
			hosts++
			if !isHost(value) {
				return 0
			}
		case bytes.EqualFold(name, []byte("upgrade")):
			upgrades++
		case bytes.EqualFold(name, []byte("content-length")), bytes.EqualFold(name, []byte("transfer-encoding")), bytes.EqualFold(name, []byte("expect")):
			return 0
		}
	}
	if hosts != 1 || upgrades == 0 {
		return 0
	}
	return end + len("\r\n\r\n")
}

// printable reports whether there are only the printable characters of ASCII.
func printable(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// isName reports whether text is a header's name, of the characters that all of those in use have.
func isName(text []byte) bool {
	for _, c := range text {
		if !isLetterOrDigit(c) && c != '-' {
			return false
		}
	}
	return len(text) > 0
}

// isHost reports whether text is a host with or without a port.
func isHost(text []byte) bool {
	for _, c := range bytes.Trim(text, " ") {
		if !isLetterOrDigit(c) && bytes.IndexByte([]byte("-.:[]"), c) < 0 {
			return false
		}
	}
	return true
}

func isLetterOrDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
