// Package store says what a store of rooms keeps and promises. Package bolt is the embedded one.
package store
