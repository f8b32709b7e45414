package bench

import (
	"errors"
	"net"
	"strings"
	"syscall"
)

// moment is when a code was met: the same one has another limit behind it then.
type moment int

const (
	atHandshake moment = iota
	later
)

// fromOneAddress is the way around every limit by address.
const fromOneAddress = "or let the server trust this machine as a proxy, whose own connections no limit by address counts: --trusted-proxy ADDRESS"

// hintFor returns what to do about a code, mostly which limit of usher to raise; "" if nothing is
// known.
func hintFor(code string, when moment) string {
	switch code {
	case "RATE_LIMITED":
		if when == atHandshake {
			return "raise --address-request-rate and --address-request-burst of the server\n" + fromOneAddress
		}
		return "raise --address-join-burst and --address-join-rate of the server; if messages were refused, --address-message-rate, --address-byte-rate and their bursts\n" + fromOneAddress
	case "TOO_MANY_CONNECTIONS":
		return "raise --max-connections-per-address of the server\n" + fromOneAddress
	case "TOO_MANY_ROOMS":
		return "raise --max-rooms-per-address of the server\n" + fromOneAddress
	case "ROOM_FULL":
		return "raise --max-people of the server, or take fewer --people"
	case "ROOM_BUSY":
		return "raise --room-request-burst and --room-output-burst of the server, or take fewer --people"
	case "SERVER_FULL":
		return "raise --max-memory of the server"
	case "ORIGIN_NOT_ALLOWED":
		return "the server refused the Origin, although a program sends none: does a proxy add one? If so, name it in --allow-origin"
	case "AUTH_REQUIRED":
		return "bench has no tokens: load a server without --auth-jwt-key and --auth-jwks"
	case "UPGRADE_REQUIRED":
		return "a proxy between here and the server does not pass WebSocket upgrades on"
	case "NOT_FOUND", "HTTP 404":
		return "the address of usher's WebSockets ends in /ws"
	case "HTTP 400":
		return "does the server speak TLS there? Then try wss://"
	case "DRAINING":
		return "the server is about to stop"
	case "STORAGE_UNAVAILABLE":
		return "the server's disk does not accept changes: look at its log"
	case "TIMEOUT":
		return "the server cannot keep up with the joins, or holds them back: take a lower --join-rate"
	case "CONNECT":
		return "does the server have enough open files? Its LimitNOFILE or ulimit -n"
	}
	return ""
}

// hintForClose is the same for the reason of a close.
func hintForClose(reason string) string {
	switch {
	case strings.HasPrefix(reason, "4029"):
		return "raise --message-rate and --address-message-rate of the server, and their bursts\n" + fromOneAddress
	case strings.HasPrefix(reason, "1013"):
		return "raise --max-pending or --max-memory of the server, or load it less"
	case strings.HasPrefix(reason, "1012"):
		return "the server was stopped meanwhile"
	}
	return ""
}

// hintToReach is for a server that cannot be reached.
func hintToReach(err error) string {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return "there is no such host: is the name right?"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: is the server up, and is this its port?"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "this process may not open more files: ulimit -n"
	case strings.Contains(err.Error(), "certificate"):
		return "the server's certificate is not trusted here; --insecure accepts any"
	case strings.Contains(err.Error(), "HTTP response to HTTPS client"), strings.Contains(err.Error(), "first record does not look like a TLS handshake"):
		return "the server does not speak TLS there: try ws://"
	case strings.Contains(err.Error(), "EOF"), strings.Contains(err.Error(), "malformed HTTP"):
		return "the server may want TLS: try wss://"
	}
	return ""
}
