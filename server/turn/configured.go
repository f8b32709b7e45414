package turn

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"slices"
	"strconv"
	"time"
)

// Configured hands out the servers of the configuration. TURN servers without credentials of their
// own get some of the shared secret, which coturn's use-auth-secret checks. Neither can be revoked:
// they end by their ttl, or never.
type Configured struct {
	servers []ICEServer
	secret  []byte
	now     func() time.Time
}

// NewConfigured returns a provider of servers, which are normal. The secret may be "".
func NewConfigured(servers []ICEServer, secret string) *Configured {
	return &Configured{servers: servers, secret: []byte(secret), now: time.Now}
}

// STUN implements Provider.
func (c *Configured) STUN() []ICEServer { return stunOf(c.servers) }

// TURN implements Provider.
func (c *Configured) TURN(_ context.Context, seat Seat, ttl time.Duration) ([]ICEServer, error) {
	if len(c.secret) == 0 {
		return c.servers, nil
	}
	username := strconv.FormatInt(c.now().Add(ttl).Unix(), 10) + ":" + seat.Name(c.secret)
	credential := Credential(c.secret, username)
	servers := slices.Clone(c.servers)
	for i := range servers {
		if c.needsCredential(&servers[i]) {
			servers[i].Username, servers[i].Credential = username, credential
		}
	}
	return servers, nil
}

func (c *Configured) needsCredential(s *ICEServer) bool { return s.Username == "" && s.Relays() }

// Revoke implements Provider: coturn knows nothing but the time.
func (c *Configured) Revoke(Seat) {}

// Expires implements Provider.
func (c *Configured) Expires() bool {
	return len(c.secret) > 0 && slices.ContainsFunc(c.servers, func(s ICEServer) bool { return c.needsCredential(&s) })
}

// Credential is the password of a user name of the TURN REST API (draft-uberti-behave-turn-rest-00,
// section 2.2), which prescribes SHA-1.
func Credential(secret []byte, username string) string {
	mac := hmac.New(sha1.New, secret)
	mac.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
