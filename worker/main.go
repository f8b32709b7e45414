//go:build wasip1

// The Wasm module of the worker: package abi, exported. Build it with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o build/room.wasm .
package main

import (
	"unsafe"

	"usher/worker/abi"
)

var rooms = abi.New()

// mailbox is where the shell finds the buffers, which may move: the addresses of input and output,
// and the size of the input.
var mailbox [3]uint32

func post() {
	input := rooms.Input(0)
	mailbox[0] = uint32(uintptr(unsafe.Pointer(unsafe.SliceData(input))))
	mailbox[1] = uint32(uintptr(unsafe.Pointer(unsafe.SliceData(rooms.Output()))))
	mailbox[2] = uint32(len(input))
}

// mailboxAddress returns where the mailbox is. It never moves.
//
//go:wasmexport mailbox
func mailboxAddress() uint32 {
	post()
	return uint32(uintptr(unsafe.Pointer(&mailbox)))
}

// reserve makes the input hold at least n bytes.
//
//go:wasmexport reserve
func reserve(n uint32) {
	rooms.Input(int(n))
	post()
}

//go:wasmexport wake
func wake(nowMs, alarmMs, pausedMs float64, n uint32) int32 {
	length := rooms.Wake(nowMs, alarmMs, pausedMs, int(n))
	post()
	return int32(length)
}

//go:wasmexport step
func step(handle, event uint32, conn, nowMs, argument float64, flags, n uint32) int32 {
	length := rooms.Step(handle, event, conn, nowMs, argument, flags, int(n))
	post()
	return int32(length)
}

//go:wasmexport relay
func relay(handle uint32, conn, nowMs float64, n uint32) float64 {
	return rooms.Relay(handle, conn, nowMs, int(n))
}

//go:wasmexport describe
func describe(handle uint32) int32 {
	length := rooms.Describe(handle)
	post()
	return int32(length)
}

//go:wasmexport holds
func holds(handle, n uint32) float64 { return rooms.Holds(handle, int(n)) }

//go:wasmexport drop
func drop(handle uint32) { rooms.Drop(handle) }

func main() {}
