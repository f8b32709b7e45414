// Package doctor examines a running server from outside, the way its clients reach it, and reports
// what is wrong and what to do: names and addresses, the certificate, what a proxy in front does to
// WebSockets, origins, clocks, STUN and TURN servers, and a room of two.
//
// It is any server's client: the native one, a cluster behind a balancer, and the worker are the
// same to it. It makes one room of its own and leaves it. A certificate that is not valid is a
// finding, and the examination goes on without verifying it.
//
// Checks run one after the other, and each finding is reported as it is made; only the silence
// that measures idle time-outs goes on beside the others.
package doctor
