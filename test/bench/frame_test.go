package main

import (
	"bytes"
	"strings"
	"testing"
)

// unmask reads a client's frame by the letter of RFC 6455, section 5.2, one byte at a time.
func unmask(t *testing.T, frame []byte) (op opcode, payload []byte) {
	t.Helper()
	if frame[0]&0xf0 != 0x80 || frame[1]&0x80 == 0 {
		t.Fatalf("first bytes %#x %#x: not a whole masked frame", frame[0], frame[1])
	}
	size, at := int(frame[1]&0x7f), 2
	if wide := map[int]int{126: 2, 127: 8}[size]; wide > 0 {
		size = 0
		for range wide {
			size = size<<8 | int(frame[at])
			at++
		}
	}
	mask := frame[at : at+4]
	at += 4
	if len(frame) != at+size {
		t.Fatalf("frame of %d bytes says %d", len(frame), at+size)
	}
	for i, b := range frame[at:] {
		payload = append(payload, b^mask[i%4])
	}
	return opcode(frame[0] & 0xf), payload
}

func TestMaskedFrameUnmasksToItsPayload(t *testing.T) {
	for _, size := range []int{0, 1, 3, 4, 5, 7, 8, 9, 13, 125, 126, 127, 142, 1161, 0xffff, 0x10000, 70_003} {
		payload := bytes.Repeat([]byte("usher-"), size/6+1)[:size]
		op, got := unmask(t, appendFrame(nil, opText, 0xa1b2c3d4, payload))
		if op != opText || !bytes.Equal(got, payload) {
			t.Errorf("%d bytes: opcode %d, payload differs", size, op)
		}
	}
}

func TestParseFrameWaitsForTheWholeFrame(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 1161, 0x10000} {
		frame := serverFrame(opText, bytes.Repeat([]byte("x"), size))
		for _, have := range []int{0, 1, 2, 3, 9, len(frame) - 1} {
			if have >= len(frame) {
				continue
			}
			if _, _, n, err := parseFrame(frame[:have]); n != 0 || err != nil {
				t.Errorf("%d of %d bytes: took %d, %v", have, len(frame), n, err)
			}
		}
		op, payload, n, err := parseFrame(append(frame, 0x88))
		if op != opText || len(payload) != size || n != len(frame) || err != nil {
			t.Errorf("%d bytes: opcode %d, %d bytes, took %d of %d, %v", size, op, len(payload), n, len(frame), err)
		}
	}
}

// serverFrame is a client's frame with the mask taken out.
func serverFrame(op opcode, payload []byte) []byte {
	frame := appendFrame(nil, op, 0, payload)
	frame[1] &^= 0x80
	header := len(frame) - len(payload)
	return append(frame[:header-4:header-4], payload...)
}

func TestParseFrameRefuses(t *testing.T) {
	for name, frame := range map[string][]byte{
		"a fragment":       {0x01, 1, 'x'},
		"reserved bits":    {0xc1, 1, 'x'},
		"a masked frame":   appendFrame(nil, opText, 1, []byte("x")),
		"an endless frame": {0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0},
	} {
		if _, _, _, err := parseFrame(frame); err == nil {
			t.Errorf("%s was let in", name)
		}
	}
}

func TestCloseCode(t *testing.T) {
	if got := closeCode(closePayload(closeNormal)); got != closeNormal {
		t.Error(got)
	}
	if got := closeCode(nil); got != closeNone {
		t.Error(got)
	}
}

func TestMessageTypeWherever(t *testing.T) {
	for message, want := range map[string]string{
		`{"type":"ERROR","code":"X"}`:      "ERROR",
		`{ "code": "X", "type": "ERROR" }`: "ERROR",
		`{"code":"X"}`:                     "",
	} {
		if got := messageType([]byte(message)); got != want {
			t.Errorf("%s: %q", message, got)
		}
	}
}

func TestOfferIsNumberedInPlace(t *testing.T) {
	f := flow{offer: offerMessage("room-1", "user-1", "user-2")}
	if size := len(f.offer); size < 1100 || size > 1300 {
		t.Errorf("%d bytes are not 1.2 KB", size)
	}
	at := strings.Index(string(f.offer), "17000000")
	f.sequence = f.offer[at : at+13]
	f.number(1234)
	if want := `"timestamp":1700000001234,"offer":{"type":"offer"`; !strings.Contains(string(f.offer), want) {
		t.Errorf("%.250s has no %s", f.offer, want)
	}
}
