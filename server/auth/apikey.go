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
)

// apiKeyPrefix makes a key that leaked easy to find.
const apiKeyPrefix = "usher_"

// APIKeys are the keys of programs that may create rooms. The file has only their hashes.
type APIKeys struct {
	names  []string
	hashes [][sha256.Size]byte
}

// OpenAPIKeys reads a file with a line "NAME SHA256" for each key; # begins a comment.
func OpenAPIKeys(file string) (*APIKeys, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	keys := &APIKeys{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) != 2 {
			return nil, fmt.Errorf("%s:%d: a line is NAME SHA256, as usher apikey prints it", file, n)
		}
		hash, err := hex.DecodeString(words[1])
		if err != nil || len(hash) != sha256.Size {
			return nil, fmt.Errorf("%s:%d: the second word must be a SHA-256 in hexadecimal; was the key itself put there?", file, n)
		}
		keys.names = append(keys.names, words[0])
		keys.hashes = append(keys.hashes, [sha256.Size]byte(hash))
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(keys.names) == 0 {
		return nil, fmt.Errorf("%s has no key", file)
	}
	return keys, nil
}

// Name returns the name of a key, "" if it is none of these.
func (k *APIKeys) Name(key string) string {
	hash, name := sha256.Sum256([]byte(key)), ""
	for i := range k.hashes {
		if subtle.ConstantTimeCompare(hash[:], k.hashes[i][:]) == 1 {
			name = k.names[i]
		}
	}
	return name
}

// NewAPIKey returns a new key, and the hash that goes into the file.
func NewAPIKey() (key, hash string) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	key = apiKeyPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	sum := sha256.Sum256([]byte(key))
	return key, hex.EncodeToString(sum[:])
}
