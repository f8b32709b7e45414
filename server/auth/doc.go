// Package auth finds out who somebody is: by a JSON Web Token of the operator's accounts (RFC
// 7519), by a ticket made from one, by an invite to a room, or by an API key.
//
// The algorithm of a token is pinned by the key that it names, never by the token: an RSA key is
// for RS256, one on the curve P-256 for ES256, an Ed25519 key for EdDSA, and a secret for HS256. So
// a token cannot have a public key taken for a secret.
//
// Tickets and invites are signed by the server itself, with keys derived from the secret of its
// store (HKDF, RFC 5869), one for each purpose. All nodes of a cluster have that secret. Whether
// one has been used is for its room to know.
//
// What the package finds out is a room.Identity, which the core believes. No token, ticket, invite
// or key is ever logged or repeated in an error.
package auth
