package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// The parts of a Wasm module that are looked at (WebAssembly Core Specification, section 5).
const (
	codeSection = 10
	header      = "\x00asm\x01\x00\x00\x00"
)

var errModule = errors.New("not a Wasm module as Go writes it")

// reader takes a module apart.
type reader struct{ b []byte }

func (r *reader) byte() byte { return r.take(1)[0] }

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		panic(errModule)
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

// unsigned reads an unsigned LEB128 number, and signed a signed one.
func (r *reader) unsigned() int {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > 1<<31 {
		panic(errModule)
	}
	r.b = r.b[size:]
	return int(n)
}

func (r *reader) signed() (n int64) {
	for shift := 0; shift < 70; shift += 7 {
		b := r.byte()
		n |= int64(b&0x7f) << shift
		if b < 0x80 {
			if shift+7 < 64 && b&0x40 != 0 {
				n |= -1 << (shift + 7)
			}
			return n
		}
	}
	panic(errModule)
}

// rewrite returns the module with its functions' jumps threaded, and how many were.
func rewrite(module []byte) (out []byte, threaded int, err error) {
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case error:
			if !errors.Is(fault, errModule) {
				panic(fault)
			}
			err = fault
		default:
			panic(fault)
		}
	}()
	if !bytes.HasPrefix(module, []byte(header)) {
		return nil, 0, errModule
	}
	r := reader{module[len(header):]}
	out = append(out, header...)
	for len(r.b) > 0 {
		id, section := r.byte(), r.take(r.unsigned())
		if id == codeSection {
			var n int
			section, n = rewriteCode(section)
			threaded += n
		}
		out = append(out, id)
		out = binary.AppendUvarint(out, uint64(len(section)))
		out = append(out, section...)
	}
	return out, threaded, nil
}

func rewriteCode(section []byte) (out []byte, threaded int) {
	r := reader{section}
	count := r.unsigned()
	out = binary.AppendUvarint(out, uint64(count))
	for range count {
		f := function{reader: reader{r.take(r.unsigned())}}
		f.rewrite()
		out = binary.AppendUvarint(out, uint64(len(f.out)))
		out = append(out, f.out...)
		threaded += f.threaded
	}
	if len(r.b) > 0 {
		panic(fmt.Errorf("%w: %d bytes after the code", errModule, len(r.b)))
	}
	return out, threaded
}
