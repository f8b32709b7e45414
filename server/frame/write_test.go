package frame

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// The frames that a server writes are read by gobwas as a client would.
func TestWrittenFramesAreWholeUnmaskedAndShortest(t *testing.T) {
	for op, sizes := range map[Opcode][]int{
		Text: {0, 1, 125, 126, 127, 65_535, 65_536, 100_000}, Binary: {0, 126, 65_536}, Ping: {0, 125}, Pong: {0, 125},
	} {
		for _, size := range sizes {
			payload := bytes.Repeat([]byte("x"), size)
			written := Append([]byte("before"), op, payload)
			r := bytes.NewReader(written[len("before"):])
			h, err := ws.ReadHeader(r)
			if err == nil {
				err = ws.CheckHeader(h, ws.StateClientSide)
			}
			if err != nil || Opcode(h.OpCode) != op || !h.Fin || h.Length != int64(size) {
				t.Errorf("%d bytes: %+v, %v", size, h, err)
			}
			want := 2
			switch {
			case size > 65_535:
				want = 10
			case size > 125:
				want = 4
			}
			if rest, _ := io.ReadAll(r); !bytes.Equal(rest, payload) || len(written) != len("before")+want+size {
				t.Errorf("%d bytes have a header of %d", size, len(written)-len("before")-size)
			}
		}
	}
}

func TestWrittenCloseFrames(t *testing.T) {
	most := strings.Repeat("x", MaxReasonBytes)
	for _, test := range []struct {
		code   uint16
		reason string
		want   string
	}{
		{1000, "", "\x88\x02\x03\xe8"},
		{4001, "room id mismatch", "\x88\x12\x0f\xa1room id mismatch"},
		{1012, most, "\x88\x7d\x03\xf4" + most},
		{NoCode, "", "\x88\x00"},
	} {
		if got := AppendClose(nil, test.code, test.reason); string(got) != test.want {
			t.Errorf("close %d %q is %q", test.code, test.reason, got)
		}
	}
}

func TestFramesThatMustNotBeSentPanic(t *testing.T) {
	for what, write := range map[string]func(){
		"a long ping":            func() { Append(nil, Ping, make([]byte, 126)) },
		"a code for no code":     func() { AppendClose(nil, 1006, "") },
		"a code that is unknown": func() { AppendClose(nil, 2999, "") },
		"a long reason":          func() { AppendClose(nil, 1000, strings.Repeat("x", 124)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is written", what)
				}
			}()
			write()
		}()
	}
}
