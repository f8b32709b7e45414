package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"usher/protocol"
	"usher/room"
)

// MaxLeeway is the longest Config.Leeway.
const MaxLeeway = 5 * time.Minute

// Config says whose tokens are believed. At most one of KeyFile and KeySetURL is set.
type Config struct {
	// KeyFile holds the key: PEM, a JSON Web Key or a set of them, or a secret of at least 32
	// bytes.
	KeyFile string
	// KeySetURL is where the keys are fetched from, as a JSON Web Key Set.
	KeySetURL string
	// Issuer and Audience are what a token must say in iss and aud; "" for whatever it says.
	Issuer, Audience string
	// Leeway is how far the clocks of the issuer and of this server may differ. 0 to MaxLeeway.
	Leeway time.Duration
	// MayCreate: whoever has a token may create its room, unless the claim create says otherwise.
	MayCreate bool

	// Now is the clock, nil for time.Now.
	Now func() time.Time
	// Client fetches the key set, nil for a client of its own.
	Client *http.Client
	// Log receives no tokens and no keys.
	Log *slog.Logger
}

// HasKey reports whether there is a key, and so accounts.
func (c *Config) HasKey() bool { return c.KeyFile != "" || c.KeySetURL != "" }

// Accounts verify the tokens of an operator's accounts.
type Accounts struct {
	config Config
	// keys are those of the key file; set is nil then.
	keys []key
	set  *keySet
}

// Open reads the key file. A key set is fetched when the first token comes.
func Open(config Config) (*Accounts, error) {
	if config.Now == nil {
		config.Now = time.Now
	}
	a := &Accounts{config: config}
	if config.KeySetURL != "" {
		a.set = newKeySet(config.KeySetURL, config.Client, config.Log, config.Now)
		return a, CheckURL(config.KeySetURL)
	}
	text, err := os.ReadFile(config.KeyFile)
	if err != nil {
		return nil, err
	}
	if a.keys, err = parseKeys(text); err != nil {
		return nil, fmt.Errorf("%s: %w", config.KeyFile, err)
	}
	return a, nil
}

// Warm fetches the key set, if there is one, so that a wrong address shows in the log at once.
func (a *Accounts) Warm(ctx context.Context) {
	if a.set != nil {
		_, _ = a.set.find(ctx, "")
	}
}

// Verify returns whom a token identifies, if it is for the room.
func (a *Accounts) Verify(ctx context.Context, roomID, token string) (*room.Identity, *Refusal) {
	if len(token) > protocol.MaxAuthTokenBytes {
		return nil, refuse(protocol.CodeInvalidToken, fmt.Sprintf("it has more than %d bytes", protocol.MaxAuthTokenBytes))
	}
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil || len(parsed.Headers) != 1 {
		return nil, refuse(protocol.CodeInvalidToken, "it is malformed, or its algorithm is none of HS256, EdDSA, ES256, RS256")
	}
	header := parsed.Headers[0]
	keys, refusal := a.keysFor(ctx, header.KeyID)
	if refusal != nil {
		return nil, refusal
	}
	var claims Claims
	if details := verifyWith(keys, parsed, &claims); details != "" {
		return nil, refuse(protocol.CodeInvalidToken, details)
	}
	if refusal := a.check(&claims); refusal != nil {
		return nil, refusal
	}
	who, err := claims.identity(a.config.MayCreate, a.config.Leeway)
	if err != nil {
		return nil, refuse(protocol.CodeInvalidToken, err.Error())
	}
	if !claims.Room.covers(roomID) {
		return nil, refuse(protocol.CodeRoomNotAllowed, "")
	}
	return who, nil
}

// keysFor returns the keys that a token with a key id may be signed with.
func (a *Accounts) keysFor(ctx context.Context, id string) ([]key, *Refusal) {
	if a.set == nil {
		if keys := pick(a.keys, id); len(keys) > 0 {
			return keys, nil
		}
		return pick(withoutID(a.keys), ""), nil
	}
	keys, err := a.set.find(ctx, id)
	if err != nil {
		return nil, refuse(protocol.CodeAuthUnavailable, "")
	}
	return keys, nil
}

// withoutID returns the keys of a file that has no ids, as PEM and secrets have none: a token may
// call them what it wants.
func withoutID(keys []key) (nameless []key) {
	for _, k := range keys {
		if k.id == "" {
			nameless = append(nameless, k)
		}
	}
	return nameless
}

// verifyWith verifies a token by the one of the keys that has signed it, and returns "" or what is
// wrong.
func verifyWith(keys []key, token *jwt.JSONWebToken, claims *Claims) (details string) {
	if len(keys) == 0 {
		return "it names a key that is not known"
	}
	algorithm, fits := jose.SignatureAlgorithm(token.Headers[0].Algorithm), false
	for _, k := range keys {
		if k.algorithm != algorithm {
			continue
		}
		fits = true
		var payload Claims
		switch err := token.Claims(k.public, &payload); {
		case err == nil:
			*claims = payload
			return ""
		case !errors.Is(err, jose.ErrCryptoFailure):
			return "its claims are malformed"
		}
	}
	if !fits {
		return "its algorithm is not the one of the key"
	}
	return "its signature is not that of the key"
}

// check looks at the registered claims.
func (a *Accounts) check(claims *Claims) *Refusal {
	expected := jwt.Expected{Issuer: a.config.Issuer, Time: a.config.Now()}
	if a.config.Audience != "" {
		expected.AnyAudience = jwt.Audience{a.config.Audience}
	}
	switch err := claims.ValidateWithLeeway(expected, a.config.Leeway); {
	case err == nil:
		return nil
	case errors.Is(err, jwt.ErrExpired):
		return refuse(protocol.CodeTokenExpired, "")
	case errors.Is(err, jwt.ErrInvalidIssuer):
		return refuse(protocol.CodeInvalidToken, "iss is another issuer")
	case errors.Is(err, jwt.ErrInvalidAudience):
		return refuse(protocol.CodeInvalidToken, "aud is another audience")
	case errors.Is(err, jwt.ErrNotValidYet), errors.Is(err, jwt.ErrIssuedInTheFuture):
		return refuse(protocol.CodeInvalidToken, "it is not valid yet: are the clocks right?")
	}
	return refuse(protocol.CodeInvalidToken, "its claims do not fit")
}
