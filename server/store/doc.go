// Package store defines what a store of rooms keeps and promises. Package bolt is the embedded
// store.
package store
