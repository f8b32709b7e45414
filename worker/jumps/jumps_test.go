package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// module puts a function's body, after its local variables, into a module.
func module(body ...byte) []byte {
	body = append([]byte{1, 2, 0x7e}, append(body, opEnd)...) // two i64
	code := append([]byte{1}, append(binary.AppendUvarint(nil, uint64(len(body))), body...)...)
	out := append([]byte(header), 1, 2, 0xaa, 0xbb) // a section that is none of ours
	return append(binary.AppendUvarint(append(out, codeSection), uint64(len(code))), code...)
}

// dispatch is how Go begins a function of three basic blocks; what follows is the first of them.
var dispatch = []byte{
	opLoop, 0x40, opBlock, 0x40, opBlock, 0x40, opBlock, 0x40,
	0x20, 0, opBrTable, 3, 0, 1, 1, 2, // local.get 0, br_table 0 1 1 2
	opEnd,
}

func jump(number, depth byte) []byte { return []byte{opConst, number, opLocalSet, 0, opBr, depth} }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestJumps(t *testing.T) {
	ends := []byte{opEnd, opEnd, opEnd} // of two blocks and the loop
	for _, c := range []struct {
		name       string
		body, want []byte
		threaded   int
	}{
		{"one forward goes to its block at once", join(dispatch, jump(1, 2), ends), join(dispatch, jump(1, 0), ends), 1},
		{"and so to a block further out", join(dispatch, jump(3, 2), ends), join(dispatch, jump(3, 1), ends), 1},
		{"from inside an if", join(dispatch, []byte{opConst, 0, opIf, 0x40}, jump(2, 3), []byte{opEnd}, ends),
			join(dispatch, []byte{opConst, 0, opIf, 0x40}, jump(2, 1), []byte{opEnd}, ends), 1},
		{"a number past the table leads to its last block", join(dispatch, jump(60, 2), ends), join(dispatch, jump(60, 1), ends), 1},
		{"one back stays", join(dispatch, jump(0, 2), ends), join(dispatch, jump(0, 2), ends), 0},
		{"one to a block that has ended stays", join(dispatch, []byte{opEnd}, jump(1, 1), []byte{opEnd, opEnd}), join(dispatch, []byte{opEnd}, jump(1, 1), []byte{opEnd, opEnd}), 0},
		{"a branch elsewhere stays", join(dispatch, jump(1, 1), ends), join(dispatch, jump(1, 1), ends), 0},
		{"a branch of which the number is not known stays", join(dispatch, []byte{0x20, 1, opLocalSet, 0, opBr, 2}, ends), join(dispatch, []byte{0x20, 1, opLocalSet, 0, opBr, 2}, ends), 0},
		{"a function without a table stays", []byte{opBlock, 0x40, opConst, 1, opLocalSet, 0, opBr, 0, opEnd}, []byte{opBlock, 0x40, opConst, 1, opLocalSet, 0, opBr, 0, opEnd}, 0},
	} {
		got, threaded, err := rewrite(module(c.body...))
		if want := module(c.want...); err != nil || threaded != c.threaded || !bytes.Equal(got, want) {
			t.Errorf("%s: %d threaded, error %v\n%x\nwant\n%x", c.name, threaded, err, got, want)
		}
	}
}

func TestWhatIsNoModuleOfGoIsRefused(t *testing.T) {
	whole := module(join(dispatch, jump(1, 2), []byte{opEnd, opEnd, opEnd})...)
	for n := range whole {
		if n == len(header) || n == len(header)+4 {
			continue // a module without code
		}
		if _, _, err := rewrite(whole[:n]); !errors.Is(err, errModule) {
			t.Errorf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
	for name, body := range map[string][]byte{
		"an unknown instruction": {0xff},
		"an unknown long one":    {0xfc, 99},
		"a table out of all":     {opLoop, 0x40, opBrTable, 0, 9, opEnd},
	} {
		if _, _, err := rewrite(module(body...)); !errors.Is(err, errModule) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTheModuleHasItsJumpsThreaded builds the real one: a new version of Go may write jumps in another way. That the result does the same
// is what the worker's tests show, which run it.
func TestTheModuleHasItsJumpsThreaded(t *testing.T) {
	built := filepath.Join(t.TempDir(), "go.wasm")
	command := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", built, "usher/worker")
	command.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	before, err := os.ReadFile(built)
	if err != nil {
		t.Fatal(err)
	}
	after, threaded, err := rewrite(before)
	if err != nil || threaded < 10_000 || len(after) > len(before) {
		t.Errorf("%d jumps threaded, %d bytes of %d, error %v", threaded, len(after), len(before), err)
	}
	if _, more, err := rewrite(after); err != nil || more != 0 {
		t.Errorf("%d are threaded a second time, error %v", more, err)
	}
}
