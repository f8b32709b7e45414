package main

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// opcode is the kind of a WebSocket frame (RFC 6455, section 5.2).
type opcode byte

const (
	opText   opcode = 1
	opBinary opcode = 2
	opClose  opcode = 8
	opPing   opcode = 9
	opPong   opcode = 10
)

// maxFrameBytes bounds what a server may send in one frame; a full room's
// state is far below it.
const maxFrameBytes = 1 << 20

// closeNormal ends a seat (RFC 6455, section 7.4.1); closeNone stands for a
// close frame without a code, closeAbnormal for a socket that just ended.
const (
	closeNormal   = 1000
	closeNone     = 1005
	closeAbnormal = 1006
)

// appendFrame appends one whole masked frame, as a client sends it.
func appendFrame(dst []byte, op opcode, mask uint32, payload []byte) []byte {
	const fin, masked = 0x80, 0x80
	dst = append(dst, fin|byte(op))
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, masked|byte(n))
	case n <= 0xffff:
		dst = binary.BigEndian.AppendUint16(append(dst, masked|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, masked|127), uint64(n))
	}
	dst = binary.LittleEndian.AppendUint32(dst, mask)
	start := len(dst)
	dst = append(dst, payload...)
	xorMask(dst[start:], mask)
	return dst
}

// xorMask masks or unmasks b in place, eight bytes at a time. The mask's first byte
// on the wire is its lowest.
func xorMask(b []byte, mask uint32) {
	wide := uint64(mask)<<32 | uint64(mask)
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
	}
	for i := range b {
		b[i] ^= byte(mask >> (8 * (i % 4)))
	}
}

var errMasked = errors.New("websocket: the server masked a frame")

// parseFrame reads the server's frame at the start of b. n is how many bytes
// it takes, 0 if b does not hold all of it yet. The payload points into b.
// Fragments are refused: no server under test sends any.
func parseFrame(b []byte) (op opcode, payload []byte, n int, err error) {
	if len(b) < 2 {
		return 0, nil, 0, nil
	}
	if b[0]&0xf0 != 0x80 {
		return 0, nil, 0, fmt.Errorf("websocket: first byte %#x is a fragment or has reserved bits", b[0])
	}
	if b[1]&0x80 != 0 {
		return 0, nil, 0, errMasked
	}
	header, size := 2, uint64(b[1])
	switch {
	case size == 126 && len(b) >= 4:
		header, size = 4, uint64(binary.BigEndian.Uint16(b[2:]))
	case size == 127 && len(b) >= 10:
		header, size = 10, binary.BigEndian.Uint64(b[2:])
	case size >= 126:
		return 0, nil, 0, nil
	}
	if size > maxFrameBytes {
		return 0, nil, 0, fmt.Errorf("websocket: frame of %d bytes", size)
	}
	n = header + int(size)
	if len(b) < n {
		return 0, nil, 0, nil
	}
	return opcode(b[0] & 0xf), b[header:n], n, nil
}

// closePayload is the body of a close frame.
func closePayload(code int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(code)) }

// closeCode reads the body of a close frame.
func closeCode(payload []byte) int {
	if len(payload) < 2 {
		return closeNone
	}
	return int(binary.BigEndian.Uint16(payload))
}
