package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// The Reader is compared with github.com/gobwas/ws: streams of frames, right and wrong ones, cut
// into pieces, must give both the same messages and the same error. If gobwas is known to judge
// otherwise, theirs says so and why.

var frames = flag.Int("frames", 50_000, "how many frames TestAgreesWithGobwas compares")

// theirs is what gobwas makes of a stream.
func theirs(stream []byte) (out outcome) {
	source := bytes.NewReader(stream)
	control := func(op ws.OpCode, payload []byte) error {
		if op != ws.OpClose {
			out.messages = append(out.messages, describe(Message{Op: Opcode(op), Payload: payload}))
			return nil
		}
		if len(payload) == 0 {
			out.messages = append(out.messages, describe(Message{Op: Close, Code: NoCode}))
			return errClosed
		}
		code, reason := ws.ParseCloseFrameData(payload)
		if code >= 5000 { // nobody's, and gobwas lets it pass
			return ws.ErrProtocolStatusCodeNotInUse
		}
		// gobwas knows RFC 6455's codes only; IANA has registered these since.
		registered := code >= 1012 && code <= 1014
		if err := ws.CheckCloseFrameData(code, reason); err != nil && !(registered && err == ws.ErrProtocolStatusCodeUnknown) {
			return err
		}
		if registered && ws.CheckCloseFrameData(1000, reason) != nil {
			return ws.ErrProtocolInvalidUTF8
		}
		out.messages = append(out.messages, describe(Message{Op: Close, Code: uint16(code), Payload: []byte(reason)}))
		return errClosed
	}
	r := wsutil.Reader{
		Source: strictSource{source, stream}, State: ws.StateServerSide, CheckUTF8: true, MaxMessageSize: maxBytes,
		OnIntermediate: func(h ws.Header, body io.Reader) error {
			payload, err := io.ReadAll(body)
			if err == nil && int64(len(payload)) < h.Length {
				err = io.ErrUnexpectedEOF
			}
			if err != nil {
				return err
			}
			return control(h.OpCode, payload)
		},
	}
	for {
		h, err := r.NextFrame()
		if err == nil {
			var payload []byte
			if payload, err = io.ReadAll(&r); err == nil {
				if h.OpCode.IsControl() {
					err = control(h.OpCode, payload)
				} else {
					out.messages = append(out.messages, describe(Message{Op: Opcode(h.OpCode), Payload: payload}))
				}
			}
		}
		if err != nil {
			out.code = codeOf(err)
			return out
		}
	}
}

// errClosed ends a stream at its close frame.
var errClosed = errors.New("closed")

// errNotShortest is what gobwas does not look at: the length must have its shortest form.
var errNotShortest = ws.ProtocolError("length is not in its shortest form")

// strictSource refuses such a length before gobwas reads it. It sees that a header begins by the
// size of gobwas's first read of one, which nothing else has.
type strictSource struct {
	*bytes.Reader
	stream []byte
}

func (s strictSource) Read(p []byte) (int, error) {
	at := len(s.stream) - s.Len()
	if head := s.stream[at:]; len(p) == 2 && cap(p) == ws.MaxHeaderSize-2 && len(head) >= 2 && head[1]&0x80 != 0 {
		switch {
		case head[1]&0x7f == 126 && len(head) >= 4 && binary.BigEndian.Uint16(head[2:]) < 126,
			head[1]&0x7f == 127 && len(head) >= 10 && binary.BigEndian.Uint64(head[2:]) < 1<<16:
			return 0, errNotShortest
		}
	}
	return s.Reader.Read(p)
}

// codeOf is the close code for an error of gobwas, 0 for the end of the stream.
func codeOf(err error) uint16 {
	var broken ws.ProtocolError
	switch {
	case err == errClosed, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return 0
	case errors.Is(err, wsutil.ErrInvalidUTF8), errors.Is(err, ws.ErrProtocolInvalidUTF8):
		return 1007
	case errors.Is(err, wsutil.ErrMessageTooLarge):
		return 1009
	case errors.As(err, &broken), errors.Is(err, ws.ErrHeaderLengthMSB):
		return 1002
	}
	panic(err)
}

// compare gives a stream to both, to the Reader whole, byte by byte and cut at random, and returns
// the outcome of the stream that was whole.
func compare(t *testing.T, stream []byte, cuts *rand.Rand) (whole outcome) {
	t.Helper()
	var pieces [][]byte
	for rest := stream; len(rest) > 0; {
		n := 1 + cuts.IntN(min(len(rest), 1+cuts.IntN(300)))
		pieces, rest = append(pieces, rest[:n]), rest[n:]
	}
	want := theirs(stream)
	for _, pieces := range [][][]byte{{stream}, pieces, bytewise(stream)} {
		got := readAll(t, pieces...)
		if got.code != 0 && want.code == 0 {
			// gobwas judges a header when all of it has come, and would then say the same.
			want = theirs(append(bytes.Clone(stream), make([]byte, maxClientHeaderBytes+1)...))
		}
		if !slices.Equal(got.messages, want.messages) || got.code != want.code {
			t.Fatalf("stream %.2000x in %d pieces\nours:   %.300q %d\ntheirs: %.300q %d", stream, len(pieces), got.messages, got.code, want.messages, want.code)
		}
		if len(pieces) == 1 {
			whole = got
		}
	}
	return whole
}

// TestAgreesWithGobwas compares random streams; -frames 10000000 for many.
func TestAgreesWithGobwas(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	failed := map[uint16]int{}
	for n := 0; n < *frames; {
		out := compare(t, randomStream(r), r)
		failed[out.code]++
		n += out.frames
	}
	for _, code := range []uint16{0, 1002, 1007, 1009} {
		if failed[code] == 0 {
			t.Errorf("no stream ended with %d: %v", code, failed)
		}
	}
	t.Logf("streams by the code of their error: %v", failed)
}

// randomStream makes up to 30 frames, most of them right.
func randomStream(r *rand.Rand) (stream []byte) {
	first := byte(textPart)
	inMessage := false
	carried := "" // the rest of a character that a fragment ended inside of
	for range 1 + r.IntN(30) {
		next := []byte(nil)
		switch {
		case r.IntN(5) == 0:
			next = randomControl(r)
		default:
			if !inMessage {
				first, carried = []byte{textPart, textPart, binPart}[r.IntN(3)], ""
			}
			fin := r.IntN(3) > 0
			payload := carried + randomText(r)
			carried = ""
			if first == binPart {
				payload = randomBytes(r, len(payload))
			} else if cut := r.IntN(4); !fin && cut < len(payload) {
				payload, carried = payload[:len(payload)-cut], payload[len(payload)-cut:]
			}
			head := first
			if inMessage {
				head = morePart
			}
			if fin {
				head |= finBit
			}
			next, inMessage = masked(head, payload), !fin
		}
		stream = append(stream, damaged(r, next)...)
	}
	return stream[:len(stream)-r.IntN(2)*r.IntN(len(stream))]
}

func randomText(r *rand.Rand) string {
	size := r.IntN(40)
	switch r.IntN(3_000) {
	case 0:
		size = r.IntN(maxBytes + 5)
	case 1, 2, 3, 4, 5, 6, 7, 8, 9:
		size = r.IntN(2_000)
	}
	text := make([]byte, 0, size+4)
	for len(text) < size {
		text = append(text, []string{"a", "b", "c", "ß", "€", "🎬"}[r.IntN(6)]...)
	}
	return string(text)
}

func randomBytes(r *rand.Rand, size int) string {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

func randomControl(r *rand.Rand) []byte {
	switch r.IntN(40) {
	case 0:
		code := []uint16{1000, uint16(998 + r.IntN(30)), uint16(r.Uint32())}[r.IntN(3)]
		reason := randomText(r)
		return masked(closing, withCode(code, reason[:min(len(reason), r.IntN(124))]))
	case 1:
		return masked(closing, randomBytes(r, r.IntN(3)))
	}
	return masked([]byte{ping, pong}[r.IntN(2)], randomBytes(r, r.IntN(126)))
}

// damaged breaks one frame in some fifty.
func damaged(r *rand.Rand, b []byte) []byte {
	switch r.IntN(300) {
	case 0:
		b[0] ^= 1 << r.IntN(8)
	case 1: // another length than the payload's, or no mask
		b[1] = byte(r.Uint32())
	case 2:
		b[1+r.IntN(len(b)-1)] ^= 1 << r.IntN(8)
	case 3:
		b = binary.BigEndian.AppendUint64([]byte{b[0], 0xff}, r.Uint64()>>r.IntN(64))
	case 4:
		b = binary.BigEndian.AppendUint16([]byte{b[0], 0xfe}, uint16(r.IntN(200)))
	}
	return b
}

// FuzzReader compares streams that the fuzzer writes: each frame is its first byte, one that
// chooses the form of the length, the length, and payload.
func FuzzReader(f *testing.F) {
	f.Add([]byte("\x81\x00\x05Hello\x89\x00\x00\x01\x00\x01a\x80\x00\x02bc\x88\x00\x02\x03\xe8"), uint64(1))
	f.Add([]byte("\x01\x00\x02\xf0\x9f\x89\x00\x01\xff\x80\x00\x02\x8e\xac\x82\x01\x03abc"), uint64(2))
	f.Add([]byte("\x01\x00\x01a\x80\x03\xff"), uint64(3))
	f.Fuzz(func(t *testing.T, script []byte, seed uint64) {
		compare(t, written(script), rand.New(rand.NewPCG(seed, 1)))
	})
}

func written(script []byte) (stream []byte) {
	for len(script) >= 3 && len(stream) < 1<<20 {
		first, form, size := script[0], script[1], int(script[2])
		script = script[3:]
		payload := string(script[:min(size, len(script))])
		script = script[len(payload):]
		next := masked(first, payload)
		switch form % 16 {
		case 1: // any length
			next = binary.BigEndian.AppendUint16([]byte{first, 0x80 | 126}, uint16(len(payload)))
			next = append(append(next, 0, 0, 0, 0), payload...)
		case 2:
			next = binary.BigEndian.AppendUint64([]byte{first, 0x80 | 127}, uint64(len(payload)))
			next = append(append(next, 0, 0, 0, 0), payload...)
		case 3:
			next = binary.BigEndian.AppendUint64([]byte{first, 0x80 | 127}, uint64(size)<<56|uint64(form))
		case 4: // much data
			next = masked(first, string(bytes.Repeat([]byte(payload), int(form))))
		case 5: // any mask bit and length
			next[1] = byte(size)
		case 6: // bytes as they are
			next = []byte(payload)
		}
		stream = append(stream, next...)
	}
	return stream
}
