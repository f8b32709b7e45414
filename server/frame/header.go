package frame

import "encoding/binary"

// The bits of the first two bytes of a frame (section 5.2).
const (
	finBit       = 0x80
	reservedBits = 0x70
	opcodeBits   = 0x0f
	maskBit      = 0x80
	lengthBits   = 0x7f
)

// header is the header of a client's frame.
type header struct {
	op     Opcode
	fin    bool
	mask   uint32 // the first byte of the wire lowest
	length int
}

// parseHeader reads the header at the start of b, which has at least one byte. It returns the
// header's size, 0 if b does not have all of it yet. inMessage means that a message has begun and
// not ended; room is how many bytes of payload a data frame may have. An error is returned as soon
// as its byte is there.
func parseHeader(b []byte, inMessage bool, room int) (h header, size int, err error) {
	h.op, h.fin = Opcode(b[0]&opcodeBits), b[0]&finBit != 0
	switch {
	case b[0]&reservedBits != 0:
		return h, 0, errReservedBits
	case h.op.reserved():
		return h, 0, errReservedOpcode
	case h.op.control():
		if !h.fin {
			return h, 0, errFragmented
		}
	case h.op == Continuation && !inMessage:
		return h, 0, errNoMessage
	case h.op != Continuation && inMessage:
		return h, 0, errOpenMessage
	}
	if len(b) < 2 {
		return h, 0, nil
	}
	if b[1]&maskBit == 0 {
		return h, 0, errUnmasked
	}
	size = 2
	h.length = int(b[1] & lengthBits)
	if h.op.control() {
		switch {
		case h.length > MaxControlBytes:
			return h, 0, errLongControl
		case h.op == Close && h.length == 1:
			return h, 0, errShortClose
		}
	} else {
		if h.length >= 126 {
			if h.length, size, err = longLength(b); size == 0 {
				return h, 0, err
			}
		}
		if h.length > room {
			return h, 0, errTooLarge
		}
	}
	if len(b) < size+4 {
		return h, 0, nil
	}
	h.mask = binary.LittleEndian.Uint32(b[size:])
	return h, size + 4, nil
}

// longLength reads a length of 16 or 64 bits and returns where it ends, 0 if it is incomplete or
// wrong.
func longLength(b []byte) (length, end int, err error) {
	if b[1]&lengthBits == 126 {
		if len(b) < 4 {
			return 0, 0, nil
		}
		if length = int(binary.BigEndian.Uint16(b[2:])); length < 126 {
			return 0, 0, errLongForm
		}
		return length, 4, nil
	}
	if len(b) > 2 && b[2]&0x80 != 0 {
		return 0, 0, errLengthBit
	}
	if len(b) < 10 {
		return 0, 0, nil
	}
	long := binary.BigEndian.Uint64(b[2:])
	if long <= 0xffff {
		return 0, 0, errLongForm
	}
	// On a machine of 32 bits it may not fit; then it is too large in any case.
	return int(min(long, uint64(maxInt))), 10, nil
}

const maxInt = int(^uint(0) >> 1)

// unmask removes the mask in place (section 5.3) and returns all bytes of the result or'ed together
// eight by eight, which has no high bit set if all of them are ASCII.
func unmask(b []byte, mask uint32) (or uint64) {
	wide := uint64(mask)<<32 | uint64(mask)
	for len(b) >= 32 {
		w0 := binary.LittleEndian.Uint64(b) ^ wide
		w1 := binary.LittleEndian.Uint64(b[8:]) ^ wide
		w2 := binary.LittleEndian.Uint64(b[16:]) ^ wide
		w3 := binary.LittleEndian.Uint64(b[24:]) ^ wide
		binary.LittleEndian.PutUint64(b, w0)
		binary.LittleEndian.PutUint64(b[8:], w1)
		binary.LittleEndian.PutUint64(b[16:], w2)
		binary.LittleEndian.PutUint64(b[24:], w3)
		or |= w0 | w1 | w2 | w3
		b = b[32:]
	}
	for len(b) >= 8 {
		w := binary.LittleEndian.Uint64(b) ^ wide
		binary.LittleEndian.PutUint64(b, w)
		or |= w
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(wide >> (8 * i))
		or |= uint64(b[i])
	}
	return or
}

// highBits are the bits that are not set in unmask's result if all bytes are ASCII.
const highBits = 0x8080808080808080
