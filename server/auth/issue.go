package auth

import (
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
	return "", fmt.Errorf("%s has only public keys, and a token is signed with the private one", keyFile)
}
