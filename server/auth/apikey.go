package auth

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
)

const (
	// apiKeyPrefix makes a key that leaked easy to find.
	apiKeyPrefix = "usher_"
	// maxKeyNameBytes bounds the name of a key, which goes to other nodes with what it does.
	maxKeyNameBytes = 64
)

// APIKeys are the keys of an operator's programs. The file has only their hashes.
type APIKeys struct {
	file string
	keys atomic.Pointer[[]apiKey]
}

type apiKey struct {
	name   string
	hash   [sha256.Size]byte
	scopes Scopes
}

// OpenAPIKeys reads a file with a line "NAME SHA256 [SCOPE,…]" for each key; # begins a comment. A
// key without scopes has ScopeRooms.
func OpenAPIKeys(file string) (*APIKeys, error) {
	k := &APIKeys{file: file}
	return k, k.Reload()
}

// Reload reads the file again. If it is not usable, the keys stay as they are.
func (k *APIKeys) Reload() error {
	keys, err := readAPIKeys(k.file)
	if err == nil {
		k.keys.Store(&keys)
	}
	return err
}

func readAPIKeys(file string) (keys []apiKey, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) != 2 && len(words) != 3 {
			return nil, fmt.Errorf("%s:%d: a line is NAME SHA256 [SCOPE,...], as usher apikey prints it", file, n)
		}
		if len(words[0]) > maxKeyNameBytes {
			return nil, fmt.Errorf("%s:%d: a name has at most %d bytes", file, n, maxKeyNameBytes)
		}
		hash, err := hex.DecodeString(words[1])
		if err != nil || len(hash) != sha256.Size {
			return nil, fmt.Errorf("%s:%d: the second word must be a SHA-256 in hexadecimal; was the key itself put there?", file, n)
		}
		key := apiKey{name: words[0], hash: [sha256.Size]byte(hash), scopes: ScopeRooms}
		if len(words) == 3 {
			if key.scopes, err = ParseScopes(words[2]); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, n, err)
			}
		}
		keys = append(keys, key)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s has no key", file)
	}
	return keys, nil
}

// Find returns the name of a key and what it allows, "" if it is none of these.
func (k *APIKeys) Find(key string) (name string, scopes Scopes) {
	hash := sha256.Sum256([]byte(key))
	for _, known := range *k.keys.Load() {
		if subtle.ConstantTimeCompare(hash[:], known.hash[:]) == 1 {
			name, scopes = known.name, known.scopes
		}
	}
	return name, scopes
}

// NewAPIKey returns a new key, and the hash that goes into the file.
func NewAPIKey() (key, hash string) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	key = apiKeyPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	sum := sha256.Sum256([]byte(key))
	return key, hex.EncodeToString(sum[:])
}
