package room

import "math/bits"

// sha256 returns the SHA-256 (FIPS 180-4) of at most 55 bytes, which are one block. crypto/sha256
// would bring half a megabyte of self-tests, AES and random generators into the Wasm module; this
// brings 4 kB. A test compares the two.
func sha256(message []byte) (digest [32]byte) {
	const lengthAt = 62
	var block [64]byte
	n := copy(block[:lengthAt-7], message)
	block[n] = 0x80
	block[lengthAt], block[lengthAt+1] = byte(n>>5), byte(n<<3)
	var w [64]uint32
	for i := range 16 {
		w[i] = uint32(block[4*i])<<24 | uint32(block[4*i+1])<<16 | uint32(block[4*i+2])<<8 | uint32(block[4*i+3])
	}
	for i := 16; i < 64; i++ {
		a, b := w[i-15], w[i-2]
		w[i] = w[i-16] + w[i-7] + (rotate(a, 7) ^ rotate(a, 18) ^ a>>3) + (rotate(b, 17) ^ rotate(b, 19) ^ b>>10)
	}
	for i, v := range compress(&w) {
		digest[4*i], digest[4*i+1], digest[4*i+2], digest[4*i+3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
	}
	return digest
}

// compress is the compression function on the initial hash value.
func compress(w *[64]uint32) [8]uint32 {
	a, b, c, d, e, f, g, h := initial[0], initial[1], initial[2], initial[3], initial[4], initial[5], initial[6], initial[7]
	for i := range w {
		t1 := h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (e&f ^ ^e&g) + roundConstants[i] + w[i]
		t2 := (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + (a&b ^ a&c ^ b&c)
		a, b, c, d, e, f, g, h = t1+t2, a, b, c, d+t1, e, f, g
	}
	return [8]uint32{
		initial[0] + a, initial[1] + b, initial[2] + c, initial[3] + d,
		initial[4] + e, initial[5] + f, initial[6] + g, initial[7] + h,
	}
}

func rotate(x uint32, right int) uint32 { return bits.RotateLeft32(x, -right) }

// initial is FIPS 180-4, section 5.3.3, and roundConstants are section 4.2.2.
var initial = [8]uint32{
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
}

var roundConstants = [64]uint32{
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}
