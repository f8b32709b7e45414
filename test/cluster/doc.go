// Package cluster tests three nodes from outside, as processes: behind the balancers whose
// configurations are in examples/cluster.
package cluster
