// Package broker gives a node of a cluster its NATS: a nats-server inside the process, or one that
// an operator runs.
//
// The embedded server has JetStream on disk with sync_interval always, a fixed list of one, three
// or five peers, and no port for clients: the only connections are this process's own. Routes use
// TLS 1.3 on both sides. Without certificates of their own, nodes make them from the cluster's
// secret: HKDF-SHA-256 of the secret is the Ed25519 key of a certificate authority, which every
// node can therefore sign with and nobody else. A leaf certificate lives for a day and is renewed
// after half of that. A server with another secret fails the handshake.
//
// # Data folder
//
//	DIR            0700
//	DIR/lock       flock of the process that has it open
//	DIR/identity   JSON: format, node id, fingerprint of the cluster's secret; written once
//	DIR/jetstream  nats-server's
//
// The fingerprint keeps a folder of one cluster from joining another, in which its older state
// could win a vote.
//
// # What is off
//
// Client, monitoring, profiling, gateway, leaf node, WebSocket and MQTT ports; gossip of addresses;
// compression of routes, which costs more CPU than a local network's bytes; memory storage beyond
// 16 MiB. Raft's timing is nats-server's default, because it has no setting for it (as of 2.15.3).
package broker
