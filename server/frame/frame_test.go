package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// maxBytes is the limit of messages in these tests.
const maxBytes = 70_000

// The first bytes of frames: FIN and opcode (section 5.2).
const (
	text, textPart     = 0x81, 0x01
	binData, binPart   = 0x82, 0x02
	lastPart, morePart = 0x80, 0x00
	closing            = 0x88
	ping, pong         = 0x89, 0x8a
)

// masked is a client's frame with the first byte as given.
func masked(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := [4]byte{0x9c, 0x01, 0xfe, 0x63}
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return b
}

func join(frames ...[]byte) []byte { return slices.Concat(frames...) }

// withCode is the payload of a close frame.
func withCode(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

// outcome is what a Reader made of a stream.
type outcome struct {
	messages []string
	code     uint16 // of the error, 0 for none
	// read is how many bytes had been given when the error came, frames how many calls of Next that
	// was.
	read, frames int
}

func describe(m Message) string {
	switch m.Op {
	case Text:
		return "text " + string(m.Payload)
	case Binary:
		return "binary " + string(m.Payload)
	case Ping:
		return "ping " + string(m.Payload)
	case Pong:
		return "pong " + string(m.Payload)
	case Close:
		return strings.TrimSpace(fmt.Sprintf("close %d %s", m.Code, m.Payload))
	}
	return fmt.Sprintf("opcode %d", m.Op)
}

// readAll gives a Reader the pieces of a stream up to a close frame, each in memory of its own that
// is overwritten afterwards, as a socket's buffer is.
func readAll(t testing.TB, pieces ...[]byte) (out outcome) {
	t.Helper()
	var r Reader
	for _, piece := range pieces {
		data := bytes.Clone(piece)
		for rest := data; len(rest) > 0; {
			m, n, err := r.Next(rest, maxBytes)
			out.frames++
			if n < 0 || n > len(rest) || n == 0 && err == nil {
				t.Fatalf("took %d of %d bytes, error %v", n, len(rest), err)
			}
			if err != nil {
				var why *Error
				if !errors.As(err, &why) || m.Op != 0 {
					t.Fatalf("%v with %+v is no *Error", err, m)
				}
				out.code, out.read = why.Code, out.read+len(piece)
				return out
			}
			if m.Op != 0 {
				out.messages = append(out.messages, describe(m))
			}
			if m.Op == Close { // nothing counts after it (section 5.5.1)
				return out
			}
			rest = rest[n:]
		}
		out.read += len(piece)
		for i := range data {
			data[i] = 0xee
		}
	}
	return out
}

// bytewise cuts a stream into single bytes.
func bytewise(stream []byte) (pieces [][]byte) {
	for i := range stream {
		pieces = append(pieces, stream[i:i+1])
	}
	return pieces
}

// row is one rule: frames and what must come of them.
type row struct {
	rule   string
	frames []byte
	want   []string
	code   uint16
}

// check reads each row whole, byte by byte, and cut in two everywhere.
func check(t *testing.T, rows []row) {
	t.Helper()
	for _, row := range rows {
		cuts := [][][]byte{{row.frames}, bytewise(row.frames)}
		for i := 1; i < len(row.frames); i += 1 + len(row.frames)/200 {
			cuts = append(cuts, [][]byte{row.frames[:i], row.frames[i:]})
		}
		for _, pieces := range cuts {
			out := readAll(t, pieces...)
			if !slices.Equal(out.messages, row.want) || out.code != row.code {
				t.Fatalf("%s, in %d pieces: got %.200q and error %d, want %.200q and %d", row.rule, len(pieces), out.messages, out.code, row.want, row.code)
			}
		}
		// What is wrong must be found with the last byte of the row, which ends where it can be
		// known first, and not before.
		if out := readAll(t, bytewise(row.frames)...); row.code != 0 && out.read != len(row.frames) {
			t.Errorf("%s: error %d after %d bytes of %d", row.rule, out.code, out.read, len(row.frames))
		}
	}
}

func TestSection52BaseFraming(t *testing.T) {
	long := strings.Repeat("x", 65_536)
	check(t, []row{
		{"a text frame is a message", masked(text, "Hello"), []string{"text Hello"}, 0},
		{"the RFC's example of section 5.7", []byte{0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}, []string{"text Hello"}, 0},
		{"a binary frame is a message", masked(binData, "\x00\xff"), []string{"binary \x00\xff"}, 0},
		{"an empty text frame is a message", masked(text, ""), []string{"text "}, 0},
		{"an empty binary frame is a message", masked(binData, ""), []string{"binary "}, 0},
		{"frames follow each other", join(masked(text, "a"), masked(binData, "b"), masked(text, "c")), []string{"text a", "binary b", "text c"}, 0},
		{"125 bytes have the short length", masked(text, long[:125]), []string{"text " + long[:125]}, 0},
		{"126 bytes have 16 bits", masked(text, long[:126]), []string{"text " + long[:126]}, 0},
		{"65535 bytes have 16 bits", masked(text, long[:65_535]), []string{"text " + long[:65_535]}, 0},
		{"65536 bytes have 64 bits", masked(text, long), []string{"text " + long}, 0},
		{"reserved bit 1", []byte{0xc1}, nil, 1002},
		{"reserved bit 2", []byte{0xa1}, nil, 1002},
		{"reserved bit 3", []byte{0x91}, nil, 1002},
		{"reserved bit of a control frame", []byte{0xc9}, nil, 1002},
		{"reserved bit of a continuation", join(masked(textPart, "a"), []byte{0x90}), nil, 1002},
		{"reserved opcode 3", []byte{0x83}, nil, 1002},
		{"reserved opcode 7", []byte{0x87}, nil, 1002},
		{"reserved opcode 11", []byte{0x8b}, nil, 1002},
		{"reserved opcode 15", []byte{0x8f}, nil, 1002},
		{"what came before an error is delivered", join(masked(text, "a"), []byte{0xc1}), []string{"text a"}, 1002},
		{"16 bits for 125 bytes", []byte{0x81, 0xfe, 0, 125}, nil, 1002},
		{"16 bits for no bytes", []byte{0x82, 0xfe, 0, 0}, nil, 1002},
		{"64 bits for 65535 bytes", []byte{0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, nil, 1002},
		{"64 bits for 1 byte", []byte{0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 1}, nil, 1002},
		{"the top bit of 64", []byte{0x81, 0xff, 0x80}, nil, 1002},
	})
}

func TestSection53Masking(t *testing.T) {
	check(t, []row{
		{"unmasked text", []byte{0x81, 5}, nil, 1002},
		{"unmasked empty text", []byte{0x81, 0}, nil, 1002},
		{"unmasked long text", []byte{0x81, 126}, nil, 1002},
		{"unmasked ping", []byte{0x89, 0}, nil, 1002},
		{"unmasked close", []byte{0x88, 2}, nil, 1002},
		{"unmasked continuation", join(masked(textPart, "a"), []byte{0x80, 1}), nil, 1002},
		{"a mask of zeros is a mask", []byte{0x81, 0x82, 0, 0, 0, 0, 'o', 'k'}, []string{"text ok"}, 0},
	})
	// Every length around the steps of unmask, with the mask begun anywhere.
	for size := range 130 {
		payload := make([]byte, size)
		for i := range payload {
			payload[i] = byte(i*7 + size)
		}
		got := bytes.Clone(payload)
		for i := range got {
			got[i] ^= [4]byte{1, 2, 3, 4}[i%4]
		}
		or := unmask(got, 0x04030201)
		high := bytes.ContainsFunc(payload, func(r rune) bool { return r >= 0x80 })
		if !bytes.Equal(got, payload) || or&highBits != 0 != high {
			t.Errorf("%d bytes: %x instead of %x, or %x", size, got, payload, or)
		}
	}
}

func TestSection54Fragmentation(t *testing.T) {
	check(t, []row{
		{"fragments are one message", join(masked(textPart, "a"), masked(morePart, "b"), masked(lastPart, "c")), []string{"text abc"}, 0},
		{"fragments of binary data too", join(masked(binPart, "\xff"), masked(lastPart, "\xfe")), []string{"binary \xff\xfe"}, 0},
		{"fragments may be empty", join(masked(textPart, ""), masked(morePart, ""), masked(lastPart, "")), []string{"text "}, 0},
		{"the first may be empty", join(masked(textPart, ""), masked(lastPart, "b")), []string{"text b"}, 0},
		{"the last may be empty", join(masked(textPart, "a"), masked(lastPart, "")), []string{"text a"}, 0},
		{"control frames come between fragments",
			join(masked(textPart, "a"), masked(ping, "p"), masked(morePart, "b"), masked(pong, "q"), masked(lastPart, "c")),
			[]string{"ping p", "pong q", "text abc"}, 0},
		{"a close frame, too", join(masked(textPart, "a"), masked(closing, withCode(1000, ""))), []string{"close 1000"}, 0},
		{"messages in fragments follow each other",
			join(masked(textPart, "a"), masked(lastPart, "b"), masked(binPart, "c"), masked(lastPart, "d")), []string{"text ab", "binary cd"}, 0},
		{"continuation of nothing", []byte{lastPart}, nil, 1002},
		{"continuation of nothing, not final", []byte{morePart}, nil, 1002},
		{"continuation after a whole message", join(masked(text, "a"), []byte{lastPart}), []string{"text a"}, 1002},
		{"continuation after the last fragment", join(masked(textPart, "a"), masked(lastPart, "b"), []byte{lastPart}), []string{"text ab"}, 1002},
		{"text inside a message", join(masked(textPart, "a"), []byte{text}), nil, 1002},
		{"binary data inside a message", join(masked(textPart, "a"), []byte{binData}), nil, 1002},
		{"a message begun inside a message", join(masked(binPart, "a"), masked(morePart, "b"), []byte{textPart}), nil, 1002},
		{"text inside a message that is empty so far", join(masked(textPart, ""), []byte{text}), nil, 1002},
		{"a ping ends no message", join(masked(textPart, "a"), masked(ping, ""), []byte{text}), []string{"ping "}, 1002},
	})
	var message, pieces []byte
	for i := range 65_536 {
		first := byte(morePart)
		switch i {
		case 0:
			first = textPart
		case 65_535:
			first = lastPart
		}
		c := "abcdefgh"[i%8]
		message = append(message, c)
		pieces = append(pieces, masked(first, string(c))...)
	}
	if out := readAll(t, pieces); len(out.messages) != 1 || out.messages[0] != "text "+string(message) {
		t.Errorf("64 KiB in fragments of a byte: %d messages, error %d", len(out.messages), out.code)
	}
}

func TestSection55ControlFrames(t *testing.T) {
	most := strings.Repeat("p", 125)
	check(t, []row{
		{"a ping", masked(ping, "are you there"), []string{"ping are you there"}, 0},
		{"an empty ping", masked(ping, ""), []string{"ping "}, 0},
		{"a ping of 125 bytes that are not UTF-8", masked(ping, most[:124]+"\xff"), []string{"ping " + most[:124] + "\xff"}, 0},
		{"a pong that nobody asked for", masked(pong, most), []string{"pong " + most}, 0},
		{"ping over 125 bytes", []byte{ping, 0xfe}, nil, 1002},
		{"pong with 64 bits of length", []byte{pong, 0xff}, nil, 1002},
		{"close over 125 bytes", []byte{closing, 0xfe}, nil, 1002},
		{"fragmented ping", []byte{0x09}, nil, 1002},
		{"fragmented pong", []byte{0x0a}, nil, 1002},
		{"fragmented close", []byte{0x08}, nil, 1002},
		{"long ping between fragments", join(masked(textPart, "a"), []byte{ping, 0xfe}), nil, 1002},
		{"close without a code", masked(closing, ""), []string{"close 1005"}, 0},
		{"close with a code", masked(closing, withCode(1000, "")), []string{"close 1000"}, 0},
		{"close with a reason", masked(closing, withCode(4000, "schön")), []string{"close 4000 schön"}, 0},
		{"close with the longest reason", masked(closing, withCode(1001, most[:123])), []string{"close 1001 " + most[:123]}, 0},
		{"close of one byte", []byte{closing, 0x81}, nil, 1002},
	})
}

func TestSection74CloseCodes(t *testing.T) {
	valid := func(code int) bool {
		switch {
		case code >= 3000 && code <= 4999:
			return true
		case code == 1004, code == 1005, code == 1006:
			return false
		}
		return code >= 1000 && code <= 1014
	}
	for code := range 1 << 16 {
		out := readAll(t, masked(closing, withCode(uint16(code), "")))
		want := outcome{code: 1002}
		if valid(code) {
			want = outcome{messages: []string{fmt.Sprint("close ", code)}}
		}
		if !slices.Equal(out.messages, want.messages) || out.code != want.code {
			t.Errorf("close with %d: got %q and error %d", code, out.messages, out.code)
		}
	}
}

func TestSection81UTF8(t *testing.T) {
	broken := "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65" // a surrogate in UTF-8
	check(t, []row{
		{"text of all lengths of characters", masked(text, "aß€🎬"), []string{"text aß€🎬"}, 0},
		{"a character cut by fragments", join(masked(textPart, "\xf0\x9f"), masked(morePart, "\x8e"), masked(lastPart, "\xac")), []string{"text 🎬"}, 0},
		{"a character cut by fragments with a ping between", join(masked(textPart, "\xe2"), masked(ping, "\xff"), masked(lastPart, "\x82\xac")), []string{"ping \xff", "text €"}, 0},
		{"a character cut around an empty fragment", join(masked(textPart, "\xe2\x82"), masked(morePart, ""), masked(lastPart, "\xac")), []string{"text €"}, 0},
		{"the last code point", masked(text, "\xf4\x8f\xbf\xbf"), []string{"text \xf4\x8f\xbf\xbf"}, 0},
		{"binary data need not be text", masked(binData, broken), []string{"binary " + broken}, 0},
		{"a byte that is never UTF-8", masked(text, "ok\xff"), nil, 1007},
		{"a continuation byte on its own", masked(text, "\x80"), nil, 1007},
		{"an overlong character", masked(text, "\xc0"), nil, 1007},
		{"a character that the message ends inside of", masked(text, "ok\xe2\x82"), nil, 1007},
		{"the same in fragments", join(masked(textPart, "ok\xe2"), masked(lastPart, "\x82")), nil, 1007},
		{"the same with an empty last fragment", join(masked(textPart, "ok\xe2\x82"), masked(lastPart, "")), nil, 1007},
		{"ASCII after half a character", join(masked(textPart, "\xe2\x82"), masked(morePart, "a")), nil, 1007},
		{"an invalid reason", masked(closing, withCode(1000, "\xce\xba\xff")), nil, 1007},
		{"a reason that ends inside a character", masked(closing, withCode(1000, "\xe2\x82")), nil, 1007},
	})
	// Not at the end of the message or of the frame, but with the byte that is wrong.
	for rule, bytes := range map[string][]byte{
		"a surrogate, at the first fragment":            masked(textPart, broken),
		"beyond the last code point, at the fragment":   masked(textPart, "ok\xf4\x90"),
		"half a character and another, at the fragment": join(masked(textPart, "\xe2\x82"), masked(morePart, "\xe2")),
	} {
		if out := readAll(t, bytes); out.code != 1007 {
			t.Errorf("%s: error %d", rule, out.code)
		}
	}
	early := masked(text, "ok\xf4\x90"+strings.Repeat("x", 1000))
	if out := readAll(t, bytewise(early)...); out.code != 1007 || out.read != 2+2+4+4 {
		t.Errorf("beyond the last code point inside a frame: error %d after %d bytes", out.code, out.read)
	}
}

func TestSection104Limits(t *testing.T) {
	most := strings.Repeat("x", maxBytes)
	frameOf := func(first byte, size uint64) []byte {
		return binary.BigEndian.AppendUint64([]byte{first, 0xff}, size)
	}
	check(t, []row{
		{"a message of the largest size", masked(text, most), []string{"text " + most}, 0},
		{"the same in fragments", join(masked(textPart, most[:1]), masked(morePart, most[:maxBytes-2]), masked(lastPart, "x")), []string{"text " + most}, 0},
		{"one byte more", frameOf(text, maxBytes+1), nil, 1009},
		{"a frame of 2^63-1 bytes", frameOf(binData, 1<<63-1), nil, 1009},
		{"a continuation of 2^63-1 bytes", join(masked(textPart, "a"), frameOf(lastPart, 1<<63-1)), nil, 1009},
		{"one byte more by the last fragment", join(masked(textPart, "aa"), frameOf(lastPart, maxBytes-1)), nil, 1009},
		{"one byte more by a small fragment", join(masked(binPart, most), []byte{lastPart, 0x81}), nil, 1009},
		{"2^63 bytes break section 5.2 instead", []byte{text, 0xff, 0x80}, nil, 1002},
	})
	empties := join(masked(textPart, ""), bytes.Repeat(masked(morePart, ""), maxEmptyFragments))
	if out := readAll(t, empties); out.code != 1009 {
		t.Errorf("fragments without an end: error %d", out.code)
	}
}
