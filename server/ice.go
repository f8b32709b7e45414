package server

import (
	"context"
	"time"

	"usher/protocol"
	"usher/server/turn"
)

// openICE makes the providers of STUN and TURN servers.
func (s *Server) openICE() {
	c := &s.config
	providers := []turn.Provider{turn.NewConfigured(c.ICEServers, c.TURNSecret)}
	if c.TURNKeyID != "" {
		providers = append(providers, turn.NewCloudflare(turn.CloudflareURL, c.TURNKeyID, c.TURNKeyToken, s.log))
	}
	s.ice = &turn.All{Providers: providers, Log: s.log}
	if s.ice.Expires() {
		c.Room.ICERenewMs = c.TURNTTL.Milliseconds() / 2
	}
}

// seatICE implements rooms.ICE.
type seatICE struct{ *Server }

// Servers implements rooms.ICE.
func (s seatICE) Servers(ctx context.Context, roomID, userID string, takenAtMs int64) []byte {
	seat, ttl := turn.Seat{RoomID: roomID, UserID: userID, TakenAtMs: takenAtMs}, s.config.TURNTTL
	servers, err := s.ice.TURN(ctx, seat, ttl)
	if err != nil {
		s.log.Warn("no new ICE servers for a participant", "error", err)
		s.metrics.ICERefused(protocol.CodeICEUnavailable)
		return nil
	}
	message := protocol.IceServersMessage{RoomID: roomID, TTL: int64(ttl / time.Second), Timestamp: s.rooms.Now().Ms}
	for _, server := range servers {
		message.IceServers = append(message.IceServers, protocol.IceServer{URLs: server.URLs, Username: server.Username, Credential: server.Credential})
	}
	return message.Append(nil)
}

// Revoke implements rooms.ICE.
func (s seatICE) Revoke(roomID, userID string, takenAtMs int64) {
	s.ice.Revoke(turn.Seat{RoomID: roomID, UserID: userID, TakenAtMs: takenAtMs})
}
