package frame

import "encoding/binary"

// carriedBytes is the length of what AppendTo writes before the bytes of a message.
const carriedBytes = 1 + maxClientHeaderBytes + 4 + 4 + 4*8

// AppendTo appends what has arrived of an incomplete frame or message to dst, nothing if nothing
// has: Resume reads it in another process.
func (r *Reader) AppendTo(dst []byte) []byte {
	p := r.partial
	if p == nil {
		return dst
	}
	flags := byte(0)
	if p.inPayload {
		flags |= 1
	}
	if p.frame.fin {
		flags |= 2
	}
	dst = append(append(dst, p.have), p.head[:]...)
	dst = append(dst, flags, byte(p.op), byte(p.frame.op), 0)
	dst = binary.LittleEndian.AppendUint32(dst, p.frame.mask)
	for _, n := range []int{p.frame.length, p.checked, p.empty, len(p.message)} {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(n))
	}
	return append(append(dst, p.message...), p.control...)
}

// Resume returns a Reader that goes on where the one of AppendTo was. It reports false if the bytes
// are not AppendTo's.
func Resume(carried []byte) (r Reader, ok bool) {
	if len(carried) == 0 {
		return Reader{}, true
	}
	if len(carried) < carriedBytes || int(carried[0]) > maxClientHeaderBytes {
		return Reader{}, false
	}
	p := &partial{have: carried[0]}
	at := 1 + copy(p.head[:], carried[1:])
	p.inPayload, p.frame.fin = carried[at]&1 != 0, carried[at]&2 != 0
	p.op, p.frame.op = Opcode(carried[at+1]), Opcode(carried[at+2])
	p.frame.mask = binary.LittleEndian.Uint32(carried[at+4:])
	var numbers [4]int
	for i := range numbers {
		n := binary.LittleEndian.Uint64(carried[at+8+8*i:])
		if n > uint64(maxInt) {
			return Reader{}, false
		}
		numbers[i] = int(n)
	}
	p.frame.length, p.checked, p.empty = numbers[0], numbers[1], numbers[2]
	rest := carried[carriedBytes:]
	if numbers[3] > len(rest) || p.checked > numbers[3] || len(rest)-numbers[3] > MaxControlBytes {
		return Reader{}, false
	}
	if numbers[3] > 0 {
		p.message = append([]byte(nil), rest[:numbers[3]]...)
	}
	if control := rest[numbers[3]:]; len(control) > 0 {
		p.control = append([]byte(nil), control...)
	}
	return Reader{partial: p}, true
}
