// Package relay is the embedded STUN and TURN server: pion/turn, with the rules about who may use
// it, for how much, and to reach whom.
//
// # Who
//
// A user name is when the credential expires and the name of a seat (turn.Seat.Name); the password
// is made of both with a key, which all nodes of a cluster share, so that each honours what another
// has made. An allocation is only made before that time. It may go on afterwards, because a browser
// goes on with the credential that it began with, until it is as old as Config.MaxLifetime, or the
// seat ends: then Revoke closes it and no other is made.
//
// # How much
//
// A seat has so many allocations and so much bandwidth, whatever credentials it uses. What exceeds
// the bandwidth is dropped, as networks do. Whoever has no allocation gets few replies (gate.go),
// so that nobody else can be flooded with them; and few connections.
//
// # Whom
//
// A peer is the address that an allocation sends to. Those that are not public are denied: with
// them a stranger would be inside of the server's network (peer.go). Relayed addresses of this
// server are allowed, each with its port, so that two people who both relay can meet.
package relay
