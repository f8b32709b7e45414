// Package flight records what happens in a room, so that a defect can be looked at after it has
// happened, and replays it.
//
// A Ring has the latest events of one room, from a checkpoint on. It is bounded, and so is what all
// rings of a process take (Budget). The core is deterministic: the checkpoint, the configuration
// and the events are all that its effects depend on.
//
// A dump is a Ring in a form that a person may read. It is lines of JSON: a Header with the
// checkpoint, then an Entry for each event with what the room did. It says nothing about who was
// there or what they wrote: all ids, names, tokens, addresses and texts are placeholders of the
// same length. The same id has the same placeholder within a dump, and ids keep their order, so
// that a room that is made from it decides in the same way. Replay makes that room, steps it and
// compares.
package flight
