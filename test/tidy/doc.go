// Package tidy holds the rules of the house that a test can hold: who may
// import whom, what the core may not do, that names are documented, sizes, and
// that each table has its tests and its documentation.
//
//	go test ./test/tidy
//
// Each failure says the rule's reason. The rules read the source of the whole
// repository, nested modules and files of other platforms too; only what a
// shell links is asked of the go command.
package tidy
