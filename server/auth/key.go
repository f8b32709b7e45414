package auth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

const (
	// minSecretBytes is the shortest secret for HS256 (RFC 7518, section 3.2).
	minSecretBytes = 32
	// minRSABits is the smallest RSA key (RFC 7518, section 3.3). maxRSABits bounds what a
	// verification costs.
	minRSABits, maxRSABits = 2048, 8192
	// maxKeys bounds a key set.
	maxKeys = 64
)

// algorithms are all that a token may name. Which one it must name is up to its key.
var algorithms = []jose.SignatureAlgorithm{jose.HS256, jose.EdDSA, jose.ES256, jose.RS256}

// key verifies tokens of one algorithm.
type key struct {
	id        string
	algorithm jose.SignatureAlgorithm
	// public is a []byte for HS256.
	public any
	// private signs, nil if only the public half is known.
	private any
}

// newKey pins the algorithm of a key.
func newKey(id string, material any) (key, error) {
	switch m := material.(type) {
	case []byte:
		if len(m) < minSecretBytes {
			return key{}, fmt.Errorf("a secret for HS256 has at least %d bytes, and this one has %d", minSecretBytes, len(m))
		}
		return key{id, jose.HS256, m, m}, nil
	case ed25519.PrivateKey:
		return key{id, jose.EdDSA, m.Public(), m}, nil
	case ed25519.PublicKey:
		return key{id, jose.EdDSA, m, nil}, nil
	case *ecdsa.PrivateKey:
		k, err := newKey(id, &m.PublicKey)
		k.private = m
		return k, err
	case *ecdsa.PublicKey:
		if m.Curve != elliptic.P256() {
			return key{}, fmt.Errorf("an elliptic key is for ES256 and on the curve P-256, not %s", m.Params().Name)
		}
		return key{id, jose.ES256, m, nil}, nil
	case *rsa.PrivateKey:
		k, err := newKey(id, &m.PublicKey)
		k.private = m
		return k, err
	case *rsa.PublicKey:
		if bits := m.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return key{}, fmt.Errorf("an RSA key has %d to %d bits, and this one has %d", minRSABits, maxRSABits, bits)
		}
		return key{id, jose.RS256, m, nil}, nil
	}
	return key{}, fmt.Errorf("a key of an unknown kind (%T): RS256, ES256, EdDSA and HS256 are known", material)
}

// parseKeys reads a key file: PEM (RFC 7468), a JWK or a set of them (RFC 7517), or a secret as it
// is, without the space around it.
func parseKeys(file []byte) ([]key, error) {
	file = bytes.TrimSpace(file)
	switch {
	case len(file) == 0:
		return nil, errors.New("the file is empty")
	case bytes.HasPrefix(file, []byte("-----BEGIN ")):
		return parsePEM(file)
	case file[0] == '{':
		keys, skipped := parseSet(file)
		if len(skipped) > 0 {
			return nil, skipped[0]
		}
		return keys, nil
	}
	k, err := newKey("", bytes.Clone(file))
	return []key{k}, err
}

func parsePEM(file []byte) (keys []key, err error) {
	for len(bytes.TrimSpace(file)) > 0 {
		var block *pem.Block
		if block, file = pem.Decode(file); block == nil {
			return nil, errors.New("not PEM")
		}
		material, err := parseBlock(block)
		if err != nil {
			return nil, err
		}
		k, err := newKey("", material)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func parseBlock(block *pem.Block) (material any, err error) {
	switch block.Type {
	case "PUBLIC KEY":
		material, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		material, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "PRIVATE KEY":
		material, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		material, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		material, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("PEM of the kind %q: PUBLIC KEY or PRIVATE KEY is wanted", block.Type)
	}
	if err != nil { // which may repeat bytes of it
		return nil, fmt.Errorf("the %s cannot be read", block.Type)
	}
	return material, nil
}

// parseSet reads a JWK or a set of them. A set may have keys for other purposes, so what cannot be
// used is skipped, with the reason.
func parseSet(text []byte) (keys []key, skipped []error) {
	var set struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, []error{errors.New("neither a JSON Web Key nor a set of them")}
	}
	all := []json.RawMessage{text}
	if set.Keys != nil {
		all = *set.Keys
	}
	if len(all) > maxKeys {
		return nil, []error{fmt.Errorf("a key set has at most %d keys, and this one has %d", maxKeys, len(all))}
	}
	for i, raw := range all {
		k, err := parseJWK(raw)
		if err != nil {
			skipped = append(skipped, fmt.Errorf("key %d: %w", i+1, err))
			continue
		}
		keys = append(keys, k)
	}
	return keys, skipped
}

func parseJWK(raw []byte) (key, error) {
	var k jose.JSONWebKey
	if err := json.Unmarshal(raw, &k); err != nil { // which may repeat a secret
		return key{}, errors.New("it is malformed, or of a kind that is not known")
	}
	if k.Use != "" && k.Use != "sig" {
		return key{}, fmt.Errorf("it is for another use than signatures")
	}
	if _, secret := k.Key.([]byte); !secret && !k.Valid() {
		return key{}, errors.New("it is not valid")
	}
	pinned, err := newKey(k.KeyID, k.Key)
	if err == nil && k.Algorithm != "" && k.Algorithm != string(pinned.algorithm) {
		return key{}, fmt.Errorf("it is for another algorithm than %s, which keys of its kind are for here", pinned.algorithm)
	}
	return pinned, err
}
