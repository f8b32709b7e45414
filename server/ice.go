package server

import "usher/server/turn"

// openICE makes the providers of STUN and TURN servers.
func (s *Server) openICE() {
	c := &s.config
	providers := []turn.Provider{turn.NewConfigured(c.ICEServers, c.TURNSecret)}
	if c.TURNKeyID != "" {
		providers = append(providers, turn.NewCloudflare(turn.CloudflareURL, c.TURNKeyID, c.TURNKeyToken, s.log))
	}
	s.ice = &turn.All{Providers: providers, Log: s.log}
}
