// Package api is the HTTP API for operators and their programs: rooms, people, what happens, and
// the server itself. It decides who may do what, and passes it on: the rules of rooms are room's.
//
// Operations has every operation with its Go types, from which package generate makes openapi.json.
package api
