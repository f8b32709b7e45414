package room

// The numbers of a snapshot are written as encoding/binary does. That package links reflect,
// which has no place in a small Wasm module.

// appendUvarint appends 7 bits per byte, the lowest first; the top bit is set if more follow.
func appendUvarint(dst []byte, n uint64) []byte {
	for n >= 0x80 {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(dst, byte(n))
}

// appendVarint appends a signed number with the sign in the lowest bit.
func appendVarint(dst []byte, n int64) []byte { return appendUvarint(dst, uint64(n)<<1^uint64(n>>63)) }

// appendUint64 appends 8 bytes, the lowest first.
func appendUint64(dst []byte, n uint64) []byte {
	for range 8 {
		dst = append(dst, byte(n))
		n >>= 8
	}
	return dst
}

// reader decodes a snapshot; after the first invalid value it is bad and returns zeros.
type reader struct {
	b   []byte
	bad bool
}

func (in *reader) take(n uint64) []byte {
	if in.bad || n > uint64(len(in.b)) {
		in.bad = true
		return nil
	}
	taken := in.b[:n]
	in.b = in.b[n:]
	return taken
}

func (in *reader) byte() byte {
	if b := in.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (in *reader) uint64() uint64 { return in.fixed(8) }

func (in *reader) uint32() uint64 { return in.fixed(4) }

func (in *reader) fixed(bytes uint64) (n uint64) {
	for i, b := range in.take(bytes) {
		n |= uint64(b) << (8 * i)
	}
	return n
}

func (in *reader) uvarint() (n uint64) {
	for shift := 0; shift < 64; shift += 7 {
		b := in.byte()
		if shift == 63 && b > 1 {
			break
		}
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	in.bad = true
	return 0
}

func (in *reader) varint() int64 {
	n := in.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}
