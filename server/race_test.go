//go:build race

package server

// raced: what takes a minute takes several under the race detector.
const raced = true
