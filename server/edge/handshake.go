package edge

import (
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"strings"

	"usher/protocol"
)

// handshake checks the request (RFC 6455, section 4.2.1) and returns its key.
func handshake(r *http.Request) (key string, refusal protocol.Code, details string) {
	keys, versions := r.Header.Values("Sec-WebSocket-Key"), r.Header.Values("Sec-WebSocket-Version")
	connection, upgrade := hasToken(r.Header, "Connection", "upgrade"), hasToken(r.Header, "Upgrade", "websocket")
	switch {
	case connection && !upgrade:
		details = "the header Upgrade: websocket is missing"
	case upgrade && !connection:
		details = "the header Connection: Upgrade is missing"
	case !connection: // a plain request
	case !r.ProtoAtLeast(1, 1):
		details = "a WebSocket needs HTTP/1.1"
	case r.ContentLength != 0: // -1 in chunks; its bytes are not the client's first frames
		details = "a handshake has no body"
	case len(versions) != 1 || versions[0] != "13":
		details = "Sec-WebSocket-Version must be 13, in one header"
	case len(keys) != 1:
		details = "there must be one Sec-WebSocket-Key"
	default:
		if nonce, err := base64.StdEncoding.DecodeString(keys[0]); err == nil && len(nonce) == 16 {
			return keys[0], "", ""
		}
		details = "Sec-WebSocket-Key must be 16 bytes in base64"
	}
	return "", protocol.CodeUpgradeRequired, details
}

func hasToken(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for word := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(word), token) {
				return true
			}
		}
	}
	return false
}

// writeHandshake writes the 101 (RFC 6455, section 4.2.2) with the headers that the router has set.
func writeHandshake(w *buffer, h http.Header, key string) {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	sum := sha1.Sum([]byte(key + guid))
	// Its own headers do not go through h, whose map would have to grow.
	w.bytes = append(w.bytes, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	w.bytes = base64.StdEncoding.AppendEncode(w.bytes, sum[:])
	w.bytes = append(w.bytes, "\r\n"...)
	_ = h.Write(w) // into memory
	w.bytes = append(w.bytes, "\r\n"...)
}
