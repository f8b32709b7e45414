//go:build race

package lease

// raced: the race detector makes a simulation slow, and finds nothing in one goroutine.
const raced = true
