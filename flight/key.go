package flight

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"usher/protocol"
	"usher/room"
)

// key makes placeholders for secrets, so that no ring has one. Equal secrets have equal
// placeholders, and the placeholder of a token's hash is the hash of the token's placeholder.
type key [32]byte

func (k *key) mac(secret []byte) [32]byte {
	h := hmac.New(sha256.New, k[:])
	h.Write(secret)
	return [32]byte(h.Sum(nil))
}

// token is the placeholder of the token that has the hash.
func (k *key) token(hash [32]byte) [protocol.TokenBytes]byte {
	mac := k.mac(hash[:])
	return [protocol.TokenBytes]byte(mac[:])
}

func (k *key) secret(s *[protocol.TokenBytes]byte) *[protocol.TokenBytes]byte {
	if *s == ([protocol.TokenBytes]byte{}) {
		return nil
	}
	t := k.token(sha256.Sum256(s[:]))
	return &t
}

// presented is the placeholder of a token as a client sends it. A malformed one stays malformed.
func (k *key) presented(encoded []byte) *string {
	if encoded == nil {
		return nil
	}
	secret, err := base64.RawURLEncoding.DecodeString(string(encoded))
	text := strings.Repeat("!", len(encoded))
	if err == nil && len(secret) == protocol.TokenBytes {
		t := k.token(sha256.Sum256(secret))
		text = base64.RawURLEncoding.EncodeToString(t[:])
	}
	return &text
}

// TokenHash, Digest and Random are those of room.Placeholders.
func (k *key) TokenHash(hash [32]byte) [32]byte {
	if hash == ([32]byte{}) {
		return hash // nobody has that token
	}
	t := k.token(hash)
	return sha256.Sum256(t[:])
}

// Digest implements room.Placeholders.
func (k *key) Digest(digest [32]byte) [32]byte { return k.mac(digest[:]) }

// Random implements room.Placeholders.
func (k *key) Random(random [16]byte) [16]byte {
	mac := k.mac(random[:])
	return [16]byte(mac[:])
}

// checkpoint returns the room's checkpoint without the secrets of connections that wait.
func (k *key) checkpoint(r *room.Room) room.Checkpoint {
	c := r.Checkpoint()
	for i := range c.Attachments {
		if s := k.secret(&c.Attachments[i].Secret); s != nil {
			c.Attachments[i].Secret = *s
		}
	}
	return c
}
