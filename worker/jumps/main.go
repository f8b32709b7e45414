// Jumps makes the jumps of a Wasm module that Go has compiled go to where they lead at once.
//
//	go run ./worker/jumps IN.wasm OUT.wasm
//
// Wasm has no goto, and a Go function must be able to go on anywhere in its middle. So Go makes each function a loop around a table: a
// jump sets the number of the next basic block and goes back to the loop's start, and the table leads on from there. But the blocks are nested in
// their order, so for a jump forward a plain branch does the same. The step for a relayed offer takes a quarter less time with
// it (docs/performance.md). Nothing else of the module changes: the number is still set, so a jump that is not understood
// stays as it was.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: go run ./worker/jumps IN.wasm OUT.wasm")
	}
	module, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	module, threaded, err := rewrite(module)
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	if threaded == 0 {
		return fmt.Errorf("%s: no jump was found; does this version of Go write them in another way?", args[0])
	}
	return os.WriteFile(args[1], module, 0o644)
}
