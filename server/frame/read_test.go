package frame

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// A message that comes whole lies where it came and costs no memory.
func TestWholeFrameIsNeitherCopiedNorAllocatedFor(t *testing.T) {
	for _, stream := range [][]byte{masked(text, strings.Repeat("x", 1200)), masked(text, "naïve"), masked(binData, "\xff"), masked(ping, "p"), masked(closing, withCode(1000, "bye"))} {
		var r Reader
		data := make([]byte, len(stream))
		allocations := testing.AllocsPerRun(100, func() {
			copy(data, stream)
			m, n, err := r.Next(data, maxBytes)
			if err != nil || n != len(data) {
				t.Fatal(n, err)
			}
			if end := &data[len(data)-1]; &m.Payload[len(m.Payload)-1] != end {
				t.Fatal("the payload was copied")
			}
		})
		if allocations != 0 || r.partial != nil {
			t.Errorf("%x: %v allocations, %v kept", stream, allocations, r.partial)
		}
	}
}

// What a Reader keeps grows with what came of a message and goes with it.
func TestMemoryGrowsWithWhatCameAndIsGivenBack(t *testing.T) {
	payload := strings.Repeat("€", 20_000)
	for name, stream := range map[string][]byte{
		"one frame":          masked(text, payload),
		"fragments":          join(masked(textPart, payload[:30_000]), masked(ping, "p"), masked(lastPart, payload[30_000:])),
		"a ping":             masked(ping, "p"),
		"fragments of bytes": join(masked(textPart, ""), bytes.Repeat(masked(morePart, "x"), 500), masked(lastPart, "")),
	} {
		var r Reader
		for came, b := range bytewise(bytes.Clone(stream)) {
			if _, _, err := r.Next(b, maxBytes); err != nil {
				t.Fatal(err)
			}
			if p := r.partial; p != nil && cap(p.message)+cap(p.control) > 64+2*(came+1) {
				t.Fatalf("%s: %d bytes of memory after %d bytes", name, cap(p.message)+cap(p.control), came+1)
			} else if p != nil && len(p.message)-p.checked > 3 {
				t.Fatalf("%s: %d bytes would be checked again", name, len(p.message)-p.checked)
			}
		}
		if r.partial != nil {
			t.Errorf("%s: something is kept of a message that was delivered", name)
		}
	}
	var r Reader
	if _, _, err := r.Next(masked(text, payload)[:20], maxBytes); err != nil || cap(r.partial.message) > 64 {
		t.Errorf("%d bytes of memory for a promise, error %v", cap(r.partial.message), err)
	}
}

// After the server's own close frame only the client's reply matters.
func TestSkipFindsTheReplyAmongWhatWasUnderWay(t *testing.T) {
	type skipped struct {
		rule string
		// read by Next is what came before the server's close frame, after is what came later.
		before, after []byte
		replied       bool
	}
	for _, test := range []skipped{
		{"a close frame", nil, masked(closing, withCode(1000, "")), true},
		{"one without a code", nil, masked(closing, ""), true},
		{"one with a code that no endpoint may send", nil, masked(closing, withCode(1005, "")), true},
		{"one with a reason that is not UTF-8", nil, masked(closing, withCode(1000, "\xff")), true},
		{"one of one byte", nil, masked(closing, "x"), true},
		{"one that is not masked", nil, []byte{closing, 0}, true},
		{"one that came in part before", masked(closing, withCode(1000, ""))[:7], []byte{1}, true},
		{"its header that came in part before", masked(closing, withCode(1000, ""))[:2], masked(closing, "ab")[2:], true},
		{"nothing", nil, nil, false},
		{"a message", nil, masked(text, "late"), false},
		{"a message that is not UTF-8", nil, masked(text, "\xff"), false},
		{"a large message", nil, masked(binData, strings.Repeat("x", 2*maxBytes)), false},
		{"a message and a reply", nil, join(masked(text, "late"), masked(closing, "")), true},
		{"a ping and a reply", nil, join(masked(ping, "late"), masked(closing, "")), true},
		{"the rest of a message and a reply", masked(text, "late")[:8], join(masked(text, "late")[8:], masked(closing, "")), true},
		{"the last fragment and a reply", masked(textPart, "late"), join(masked(lastPart, ""), masked(closing, "")), true},
		{"a reply between fragments", masked(textPart, "late"), join(masked(morePart, "x"), masked(closing, "")), true},
		{"a frame that breaks the rules", nil, []byte{0xf3}, true},
		{"part of a message", nil, masked(text, "late")[:8], false},
		{"part of a header", nil, masked(closing, "")[:1], false},
	} {
		for _, piece := range []int{1, 3, len(test.after)} {
			var r Reader
			for rest := bytes.Clone(test.before); len(rest) > 0; {
				_, n, err := r.Next(rest, maxBytes)
				if err != nil {
					t.Fatal(test.rule, err)
				}
				rest = rest[n:]
			}
			replied := false
			for rest := test.after; len(rest) > 0 && !replied; rest = rest[min(piece, len(rest)):] {
				replied = r.Skip(rest[:min(piece, len(rest))])
			}
			if replied != test.replied {
				t.Errorf("%s, %d bytes at a time: replied is %v", test.rule, piece, replied)
			}
			if r.partial != nil && cap(r.partial.message)+cap(r.partial.control) > 0 {
				t.Errorf("%s: Skip keeps what it reads", test.rule)
			}
		}
	}
}

func BenchmarkNext(b *testing.B) {
	type benchmark struct {
		name   string
		stream []byte
	}
	for _, bench := range []benchmark{
		{"ping of 0 B", masked(ping, "")},
		{"text of 40 B", masked(text, strings.Repeat("x", 40))},
		{"text of 1200 B", masked(text, strings.Repeat("x", 1200))},
		{"text of 1200 B, not ASCII", masked(text, strings.Repeat("ß", 600))},
		{"text of 60000 B", masked(text, strings.Repeat("x", 60_000))},
		{"64 fragments of 1 B", join(masked(textPart, "x"), bytes.Repeat(masked(morePart, "x"), 62), masked(lastPart, "x"))},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var r Reader
			data := make([]byte, len(bench.stream))
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				copy(data, bench.stream)
				for rest := data; len(rest) > 0; {
					_, n, err := r.Next(rest, maxBytes)
					if err != nil {
						b.Fatal(err)
					}
					rest = rest[n:]
				}
			}
		})
	}
	b.Run("text of 60000 B in pieces of 1400 B", func(b *testing.B) {
		stream := masked(text, strings.Repeat("x", 60_000))
		data := make([]byte, len(stream))
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			copy(data, stream)
			var r Reader
			for rest := data; len(rest) > 0; {
				_, n, err := r.Next(rest[:min(1400, len(rest))], maxBytes)
				if err != nil {
					b.Fatal(err)
				}
				rest = rest[n:]
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{40, 1200, 60_000} {
		payload, dst := make([]byte, size), []byte(nil)
		b.Run(fmt.Sprint(size, " B"), func(b *testing.B) {
			for b.Loop() {
				dst = Append(dst[:0], Text, payload)
			}
		})
	}
}
