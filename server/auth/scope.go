package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
)

// Scopes are what an API key allows, a set.
type Scopes uint8

// The scopes.
const (
	// ScopeRead sees rooms, people and what happens.
	ScopeRead Scopes = 1 << iota
	// ScopeRooms creates rooms and invites.
	ScopeRooms
	// ScopeModerate acts on rooms: closes them, changes doors, kicks, bans, gives roles, announces.
	ScopeModerate
	// ScopeAdmin drains the server.
	ScopeAdmin

	// AllScopes are those of the admin token.
	AllScopes = ScopeRead | ScopeRooms | ScopeModerate | ScopeAdmin
)

var scopeNames = [...]string{"read", "rooms", "moderate", "admin"}

// String returns the names of the scopes, separated by commas.
func (s Scopes) String() string {
	var names []string
	for i, name := range scopeNames {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// ParseScopes is the inverse of String.
func ParseScopes(text string) (s Scopes, err error) {
	for name := range strings.SplitSeq(text, ",") {
		known := Scopes(0)
		for i := range scopeNames {
			if scopeNames[i] == name {
				known = 1 << i
			}
		}
		if known == 0 {
			return 0, fmt.Errorf("%q is not a scope: the scopes are %s", name, strings.Join(scopeNames[:], ", "))
		}
		s |= known
	}
	return s, nil
}

// AdminToken is the token that opens the admin page. Only its hash is kept.
type AdminToken struct {
	file string
	hash atomic.Pointer[[sha256.Size]byte]
}

// minAdminToken is the least length of an admin token.
const minAdminToken = 32

// OpenAdminToken reads the token from a file.
func OpenAdminToken(file string) (*AdminToken, error) {
	t := &AdminToken{file: file}
	return t, t.Reload()
}

// Reload reads the file again. If it is not usable, the token stays as it is.
func (t *AdminToken) Reload() error {
	text, err := os.ReadFile(t.file)
	if err != nil {
		return err
	}
	token := strings.TrimSpace(string(text))
	if len(token) < minAdminToken {
		return fmt.Errorf("%s: the token must have at least %d characters, such as openssl rand -base64 32 prints", t.file, minAdminToken)
	}
	hash := sha256.Sum256([]byte(token))
	t.hash.Store(&hash)
	return nil
}

// Is reports whether a text is the token. A nil token is none.
func (t *AdminToken) Is(text string) bool {
	hash := sha256.Sum256([]byte(text))
	return t != nil && subtle.ConstantTimeCompare(hash[:], t.hash.Load()[:]) == 1
}
