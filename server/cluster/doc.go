// Package cluster makes a server a node of a cluster: rooms live on many nodes, each on one of them
// at a time, and people reach them by any.
//
// Package lease decides which rooms are this node's, package stream stores them, package link
// carries people of other nodes here and people of this node there, and package broker is the NATS
// below stream and link. This package is what lease calls the shell: it performs what lease wants,
// gives package rooms its tenures, and tells link where rooms are.
package cluster
