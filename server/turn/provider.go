package turn

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// The bounds of how long credentials are valid.
const (
	MinTTL = 300 * time.Second
	MaxTTL = 86400 * time.Second
	// OpenTTL is for those who have no seat, if they get any.
	OpenTTL = MinTTL
)

// Seat is whom credentials are for. TakenAtMs tells it from an earlier one of the same user. It is
// 0 for somebody who has no seat yet.
type Seat struct {
	RoomID, UserID string
	TakenAtMs      int64
}

// Name returns the seat as credentials name it: 20 characters that tell nothing without the key.
func (s *Seat) Name(key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("seat\x00" + s.RoomID + "\x00" + s.UserID + "\x00"))
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(s.TakenAtMs)))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:15])
}

// A Provider hands out servers. What its methods return may be shared and must not be changed.
type Provider interface {
	// STUN returns what needs no credentials. It does not block.
	STUN() []ICEServer
	// TURN returns servers with credentials for the seat that are valid for ttl.
	TURN(ctx context.Context, seat Seat, ttl time.Duration) ([]ICEServer, error)
	// Revoke ends the credentials of a seat, if the provider can. It does not block.
	Revoke(seat Seat)
	// Expires reports whether credentials have to be renewed.
	Expires() bool
}

// All are several providers. One that fails costs only its own servers.
type All struct {
	Providers []Provider
	Log       *slog.Logger
}

// STUN implements Provider.
func (a *All) STUN() (servers []ICEServer) {
	for _, p := range a.Providers {
		servers = append(servers, p.STUN()...)
	}
	return servers
}

// TURN implements Provider. It fails if a provider does and no other has a server.
func (a *All) TURN(ctx context.Context, seat Seat, ttl time.Duration) (servers []ICEServer, err error) {
	for _, p := range a.Providers {
		theirs, failure := p.TURN(ctx, seat, ttl)
		servers, err = append(servers, theirs...), errors.Join(err, failure)
	}
	if err != nil && len(servers) > 0 {
		a.Log.Warn("a provider of TURN servers failed", "error", err)
		err = nil
	}
	return servers, err
}

// Revoke implements Provider.
func (a *All) Revoke(seat Seat) {
	for _, p := range a.Providers {
		p.Revoke(seat)
	}
}

// Expires implements Provider.
func (a *All) Expires() bool {
	return slices.ContainsFunc(a.Providers, func(p Provider) bool { return p.Expires() })
}

// stunOf returns the stun: and stuns: URLs of servers.
func stunOf(servers []ICEServer) (stun []ICEServer) {
	for _, server := range servers {
		urls := slices.DeleteFunc(slices.Clone(server.URLs), func(url string) bool { return strings.HasPrefix(url, "turn") })
		if len(urls) > 0 {
			stun = append(stun, ICEServer{URLs: urls})
		}
	}
	return stun
}
