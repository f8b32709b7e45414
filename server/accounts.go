package server

import (
	"context"
	"fmt"

	"usher/protocol"
	"usher/room"
	"usher/server/auth"
	"usher/server/rooms"
)

// openAuth reads the keys that tokens and programs are known by.
func (s *Server) openAuth() (err error) {
	s.auth = &auth.Auth{Passes: auth.NewPasses(s.store.Secret(), nil)}
	if s.config.Auth.HasKey() {
		config := s.config.Auth
		config.Log = s.log
		if s.auth.Accounts, err = auth.Open(config); err != nil {
			return fmt.Errorf("auth-jwt-key: %w", err)
		}
		s.config.Room.IdentityRequired = true
	}
	if s.config.APIKeyFile != "" {
		if s.auth.Keys, err = auth.OpenAPIKeys(s.config.APIKeyFile); err != nil {
			return fmt.Errorf("api-key-file: %w", err)
		}
	}
	if s.config.AdminTokenFile != "" {
		if s.auth.Admin, err = auth.OpenAdminToken(s.config.AdminTokenFile); err != nil {
			return fmt.Errorf("admin-token-file: %w", err)
		}
	}
	return nil
}

// setVerifiers sets what finds out who somebody is.
func (s *Server) setVerifiers(config *rooms.Config, out *outside) {
	config.Verify, config.ReadInvite = out.verify, out.readInvite
	if out.verify == nil && s.auth.Accounts != nil {
		config.Verify = s.verify
	}
	if out.readInvite == nil {
		config.ReadInvite = s.readInvite
	}
}

// verify is rooms.Config.Verify.
func (s *Server) verify(ctx context.Context, roomID, token string) (*room.Identity, protocol.Code, string) {
	who, refusal := s.auth.Accounts.Verify(ctx, roomID, token)
	if refusal != nil {
		return nil, refusal.Code, refusal.Details
	}
	return who, "", ""
}

// readInvite is rooms.Config.ReadInvite.
func (s *Server) readInvite(roomID, invite string) (*room.Identity, protocol.Code, string) {
	who, refusal := s.auth.ReadInvite(roomID, invite)
	if refusal != nil {
		return nil, refusal.Code, refusal.Details
	}
	return who, "", ""
}

// checkAuth checks what can be checked without reading a file.
func (p *problems) checkAuth(c *Config) {
	switch {
	case c.Auth.KeyFile != "" && c.Auth.KeySetURL != "":
		p.add("auth-jwt-key and auth-jwks are both set: keep one")
	case !c.Auth.HasKey() && (c.Auth.Issuer != "" || c.Auth.Audience != ""):
		p.add("auth-issuer and auth-audience need auth-jwt-key or auth-jwks")
	case c.Auth.KeySetURL != "":
		if err := auth.CheckURL(c.Auth.KeySetURL); err != nil {
			p.add("auth-jwks %w", err)
		}
	}
	p.duration("auth-leeway", c.Auth.Leeway, 0, auth.MaxLeeway)
}
