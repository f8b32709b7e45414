package auth

import (
	"errors"
	"fmt"
	"os"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Issue makes a token with the first key of a file that can sign.
func Issue(keyFile string, claims *Claims) (string, error) {
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return "", err
	}
	keys, err := parseKeys(text)
	if err != nil {
		return "", fmt.Errorf("%s: %w", keyFile, err)
	}
	token, err := signClaims(keys, claims)
	if errors.Is(err, ErrNoPrivateKey) {
		err = fmt.Errorf("%s %w", keyFile, err)
	}
	return token, err
}

// ErrNoPrivateKey is that of a key file with public keys only.
var ErrNoPrivateKey = errors.New("has only public keys, and a token is signed with the private one")

// Issue makes a token that this server believes: with its issuer and audience, and the first key
// that can sign. The error is ErrNoPrivateKey if there is none, as in a key set.
func (a *Accounts) Issue(claims *Claims) (string, error) {
	claims.Issuer = a.config.Issuer
	if a.config.Audience != "" {
		claims.Audience = jwt.Audience{a.config.Audience}
	}
	return signClaims(a.keys, claims)
}

func signClaims(keys []key, claims *Claims) (string, error) {
	for _, k := range keys {
		if k.private == nil {
			continue
		}
		options := (&jose.SignerOptions{}).WithType("JWT")
		if k.id != "" {
			options = options.WithHeader("kid", k.id)
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: k.algorithm, Key: k.private}, options)
		if err != nil {
			return "", err
		}
		return jwt.Signed(signer).Claims(claims).Serialize()
	}
	return "", ErrNoPrivateKey
}
