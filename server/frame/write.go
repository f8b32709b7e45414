package frame

import "encoding/binary"

// AppendHeader appends the header of a whole, unmasked frame with size bytes of payload. A server
// never masks and, here, never fragments (sections 5.1, 5.4).
func AppendHeader(dst []byte, op Opcode, size int) []byte {
	dst = append(dst, finBit|byte(op))
	switch {
	case size < 126:
		return append(dst, byte(size))
	case size <= 0xffff:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(dst, 127), uint64(size))
}

// Append appends a whole frame. The payload of a control frame must not be longer than
// MaxControlBytes.
func Append(dst []byte, op Opcode, payload []byte) []byte {
	if op.control() && len(payload) > MaxControlBytes {
		panic("frame: control frame is too long")
	}
	return append(AppendHeader(dst, op, len(payload)), payload...)
}

// AppendClose appends a close frame. NoCode makes it empty; any other code must be one that
// ValidCode accepts. The reason must be UTF-8 of at most MaxReasonBytes.
func AppendClose(dst []byte, code uint16, reason string) []byte {
	if code == NoCode {
		return AppendHeader(dst, Close, 0)
	}
	if !ValidCode(code) || len(reason) > MaxReasonBytes {
		panic("frame: close frame that must not be sent")
	}
	dst = AppendHeader(dst, Close, 2+len(reason))
	return append(binary.BigEndian.AppendUint16(dst, code), reason...)
}

// ValidCode reports whether a close frame may have the code: those that RFC 6455, section 7.4, and
// IANA's registry define, without the ones that only stand for something (1005, 1006, 1015), and
// those of libraries and applications.
func ValidCode(code uint16) bool {
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014:
		return true
	}
	return code >= 3000 && code <= 4999
}
