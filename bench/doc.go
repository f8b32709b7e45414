// Package bench loads a server that speaks usher's protocol, and reports what its clients saw.
//
// People join rooms at a rate. Everybody in a room offers to a newcomer, and candidates follow
// offers and answers as they do in browsers. Then some of them negotiate again and again, the
// others are idle, and now and then one leaves and a new one comes. Every message between two
// people is numbered: what is lost or arrives out of order is counted, and how long each took.
//
// Everything runs in one process, so times are of one clock. What the process itself is late by is
// reported beside them.
package bench
