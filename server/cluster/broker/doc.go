// Package broker gives a node of a cluster its NATS: a nats-server inside the process, or one that
// an operator runs.
//
// The embedded server has JetStream on disk with sync_interval always, and a fixed list of one,
// three or five peers. Its only clients are this process's own connections, which use no network;
// the port for clients that nats-server needs to start its routes is on the loopback interface and
// takes nobody. Routes use TLS 1.3, with a certificate on both sides. Nodes that are not given
// certificates make them from the cluster's secret: HKDF-SHA-256 of it is the Ed25519 key of a
// certificate authority, with which every node can sign and nobody else. A leaf certificate lives
// for a day and is renewed after half of that. A server with another secret fails the handshake.
//
// # Data folder
//
// With external servers it has lock and identity only.
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
// Monitoring, profiling, gateway, leaf node, WebSocket and MQTT ports; gossip of addresses;
// compression of routes, which costs more CPU than a local network's bytes; memory storage beyond
// 16 MiB. Raft's timing is nats-server's default, because it has no setting for it (as of 2.15.3).
package broker
