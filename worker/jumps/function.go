package main

import "encoding/binary"

// The instructions that are looked at (section 5.4).
const (
	opBlock    = 0x02
	opLoop     = 0x03
	opIf       = 0x04
	opElse     = 0x05
	opEnd      = 0x0b
	opBr       = 0x0c
	opBrIf     = 0x0d
	opBrTable  = 0x0e
	opLocalSet = 0x21
	opConst    = 0x41
)

// function is the body of one function on its way from the reader to out.
type function struct {
	reader
	out []byte
	// labels are those of the blocks around the instruction, the outermost first, each with a number of its own.
	labels []label
	last   int
	// dispatch is the loop to whose start Go jumps, and targets are the blocks that its table leads to from there.
	dispatch label
	targets  []label
	threaded int
	// jump is how much of "i32.const N, local.set 0" has just been read, and N.
	jump   int
	number int64
}

type label struct {
	id   int
	loop bool
}

func (f *function) rewrite() {
	f.copy(func() {
		for range f.unsigned() { // local variables, by runs of a type
			f.unsigned()
			f.byte()
		}
	})
	f.open(false) // the function itself
	for len(f.labels) > 0 {
		f.instruction()
	}
	if len(f.b) > 0 {
		panic(errModule)
	}
}

// copy puts out what read reads.
func (f *function) copy(read func()) {
	before := f.b
	read()
	f.out = append(f.out, before[:len(before)-len(f.b)]...)
}

func (f *function) open(loop bool) {
	f.last++
	f.labels = append(f.labels, label{f.last, loop})
}

// at is the label that a branch names by how many blocks it is further out.
func (f *function) at(depth int) label {
	if depth >= len(f.labels) {
		panic(errModule)
	}
	return f.labels[len(f.labels)-1-depth]
}

func (f *function) instruction() {
	jump := f.jump
	f.jump = 0
	if len(f.b) > 0 && f.b[0] == opBr && jump == 2 {
		f.branch()
		return
	}
	f.copy(func() {
		op := f.byte()
		switch op {
		case opBlock, opLoop, opIf:
			f.signed() // the block's type
			f.open(op == opLoop)
		case opEnd:
			f.labels = f.labels[:len(f.labels)-1]
		case opBrTable:
			f.table()
		case opConst:
			f.number = f.signed()
			f.jump = 1
		case opLocalSet:
			if f.unsigned() == 0 && jump == 1 {
				f.jump = 2
			}
		default:
			f.skipImmediates(op)
		}
	})
}

// table reads the first br_table of a function, which is how Go begins each
// that has jumps: inside the loop, by local 0.
func (f *function) table() {
	var targets []label
	for range f.unsigned() + 1 {
		targets = append(targets, f.at(f.unsigned()))
	}
	for i := len(f.labels) - 1; i >= 0 && f.targets == nil; i-- {
		if f.labels[i].loop {
			f.dispatch, f.targets = f.labels[i], targets
		}
	}
}

// branch reads the br of "i32.const N, local.set 0, br". Where that goes to the table, and the table to the end of a block
// that is open here, it goes there at once.
func (f *function) branch() {
	f.byte()
	depth := f.unsigned()
	if f.targets != nil && f.at(depth) == f.dispatch {
		target := f.targets[min(uint64(f.number), uint64(len(f.targets)-1))] // the last is for all other numbers
		for further := range f.labels {
			if f.at(further) == target && !target.loop {
				depth = further
				f.threaded++
				break
			}
		}
	}
	f.out = binary.AppendUvarint(append(f.out, opBr), uint64(depth))
}

// skipImmediates reads what follows an instruction's first byte.
func (f *function) skipImmediates(op byte) {
	switch {
	case op == opBr, op == opBrIf, op == 0x10, op >= 0x20 && op <= 0x26: // branches, call, variables, tables
		f.unsigned()
	case op == 0x11: // call_indirect
		f.unsigned()
		f.unsigned()
	case op >= 0x28 && op <= 0x3e: // loads and stores
		f.unsigned()
		f.unsigned()
	case op == 0x3f, op == 0x40: // memory.size and memory.grow
		f.byte()
	case op == 0x42: // i64.const
		f.signed()
	case op == 0x43: // f32.const
		f.take(4)
	case op == 0x44: // f64.const
		f.take(8)
	case op == 0xfc:
		switch f.unsigned() {
		case 0, 1, 2, 3, 4, 5, 6, 7: // saturating truncations
		case 10: // memory.copy
			f.take(2)
		case 11: // memory.fill
			f.take(1)
		default:
			panic(errModule)
		}
	case op <= 0x01, op == opElse, op == 0x0f, op == 0x1a, op == 0x1b, op >= 0x45 && op <= 0xc4: // without any
	default:
		panic(errModule)
	}
}
