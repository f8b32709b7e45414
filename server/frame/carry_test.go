package frame

import (
	"slices"
	"testing"
)

// clientFrame is a frame as a client sends it.
func clientFrame(first byte, payload string) []byte {
	mask := [4]byte{0x5a, 0x00, 0xff, 0x13}
	b := []byte{first, maskBit | byte(len(payload))}
	if len(payload) > 125 {
		b = []byte{first, maskBit | 126, byte(len(payload) >> 8), byte(len(payload))}
	}
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return b
}

func TestAReaderGoesOnInAnotherProcess(t *testing.T) {
	long := string(slices.Repeat([]byte("å€𝄞."), 40))
	var stream []byte
	for _, frame := range [][]byte{
		clientFrame(finBit|byte(Text), "whole"), clientFrame(byte(Text), "one å"), clientFrame(finBit|byte(Ping), "in between"),
		clientFrame(byte(Continuation), ""), clientFrame(byte(Continuation), "two "), clientFrame(finBit|byte(Continuation), long),
		clientFrame(finBit|byte(Binary), long), clientFrame(finBit|byte(Pong), ""), clientFrame(finBit|byte(Close), "\x03\xe8bye"),
	} {
		stream = append(stream, frame...)
	}
	read := func(r *Reader, data []byte) (messages []string) {
		for data := slices.Clone(data); len(data) > 0; {
			m, n, err := r.Next(data, 1<<16)
			if err != nil {
				t.Fatal(err)
			}
			if data = data[n:]; m.Op != 0 {
				messages = append(messages, describe(m))
			}
		}
		return messages
	}
	want := read(new(Reader), stream)
	for cut := range stream {
		first := new(Reader)
		got := read(first, stream[:cut])
		second, ok := Resume(first.AppendTo(nil))
		if !ok {
			t.Fatalf("cut at %d it cannot be resumed", cut)
		}
		if got = append(got, read(&second, stream[cut:])...); !slices.Equal(got, want) {
			t.Fatalf("cut at %d it reads\n%q\nnot\n%q", cut, got, want)
		}
	}
}

func TestWhatIsNoReaderIsNotResumed(t *testing.T) {
	first := new(Reader)
	if _, _, err := first.Next(clientFrame(byte(Text), "a message"), 100); err != nil {
		t.Fatal(err)
	}
	whole := first.AppendTo(nil)
	for cut := 1; cut < len(whole); cut++ {
		if _, ok := Resume(whole[:cut]); ok {
			t.Errorf("the first %d of %d bytes are resumed", cut, len(whole))
		}
	}
	if _, ok := Resume(append(whole, make([]byte, MaxControlBytes+1)...)); ok {
		t.Error("more than a control frame follows the message")
	}
}
