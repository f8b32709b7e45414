//go:build race

package lease

// raced: the race detector makes a simulation slow, and finds nothing where there is one goroutine.
const raced = true
