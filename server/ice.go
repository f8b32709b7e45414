package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"usher/protocol"
	"usher/server/turn"
	"usher/server/turn/relay"
)

// openICE makes the providers of STUN and TURN servers.
func (s *Server) openICE() error {
	c := &s.config
	providers := []turn.Provider{turn.NewConfigured(c.ICEServers, c.TURNSecret)}
	if c.TURNKeyID != "" {
		providers = append(providers, turn.NewCloudflare(turn.CloudflareURL, c.TURNKeyID, c.TURNKeyToken, s.log))
	}
	if c.TURNRelay.Enabled() {
		if err := s.openRelay(); err != nil {
			return err
		}
		providers = append(providers, s.relay)
	}
	s.ice = &turn.All{Providers: providers, Log: s.log}
	if s.ice.Expires() {
		c.Room.ICERenewMs = c.TURNTTL.Milliseconds() / 2
	}
	return nil
}

// openRelay opens the embedded TURN server. All nodes of a cluster have one key.
func (s *Server) openRelay() (err error) {
	c := &s.config.TURNRelay
	secret := s.store.Secret()
	mac := hmac.New(sha256.New, secret[:])
	mac.Write([]byte("turn"))
	config := relay.Config{
		Listen: c.Listen, ListenTLS: c.ListenTLS, PublicIP: c.PublicIP, Host: c.Host,
		MinPort: uint16(c.MinPort), MaxPort: uint16(c.MaxPort), AllowPeers: c.AllowPeers, Key: mac.Sum(nil),
		MaxAllocations: c.MaxAllocations, Bandwidth: c.Bandwidth, MaxLifetime: c.MaxLifetime, Metrics: s.metrics.ShowTURN(), Log: s.log,
	}
	if config.Host == "" && len(s.config.TLSDomains) > 0 {
		config.Host = s.config.TLSDomains[0]
	}
	if s.certs != nil {
		config.TLS = s.certs.tlsConfig()
		config.TLS.NextProtos = nil
	}
	if s.node != nil {
		config.Revoked = s.node.Revoked
	}
	if s.relay, err = relay.Open(config); err != nil {
		if refused := (*relay.ListenError)(nil); errors.As(err, &refused) {
			err = &ListenError{refused.Setting, refused.Address, refused.Unwrap()}
		}
		return err
	}
	if s.node != nil {
		s.node.HearRevoked(s.relay.RevokeName)
	}
	s.log.Info("serving TURN", "urls", strings.Join(s.relay.URLs(), " "))
	return nil
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
