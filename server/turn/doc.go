// Package turn hands out STUN and TURN servers: those that are configured, with credentials that
// expire if they are coturn's, those of Cloudflare, and by package relay an own one.
//
// Credentials are made for a [Seat] and end with it, as far as their [Provider] can end them: see
// Revoke of each. Nothing here holds a lock while it waits for a network.
package turn
