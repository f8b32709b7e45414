package room

import (
	"crypto/subtle"
	"encoding/base64"

	"usher/protocol"
)

// A token is 128 random bits, which prove that their owner may have a seat. The room keeps only
// their SHA-256: whoever reads a snapshot or an attachment finds nothing that seats anybody.

// secret is a token itself. A room has it only from when the shell draws it until the reply.
type secret = [protocol.TokenBytes]byte

// tokenHash is what a room keeps of a token. The zero hash is that of no token.
type tokenHash [32]byte

func hashOf(s *secret) tokenHash { return sha256(s[:]) }

// encodeToken returns the token as clients get it.
func encodeToken(s *secret) string { return base64.RawURLEncoding.EncodeToString(s[:]) }

// hashPresented returns the hash of a token that a client presents. That of a malformed one is
// zero, which no seat has.
func hashPresented(encoded []byte) tokenHash {
	const encodedBytes = (protocol.TokenBytes*8 + 5) / 6
	var decoded [protocol.TokenBytes + 2]byte
	// A longer token than ours is already wrong by its length.
	n, err := base64.RawURLEncoding.Decode(decoded[:], encoded[:min(len(encoded), encodedBytes+1)])
	if err != nil || n != protocol.TokenBytes {
		return tokenHash{}
	}
	return hashOf((*secret)(decoded[:n]))
}

// is reports whether both are of the same token. A kept hash may be zero in a hand-made snapshot;
// then nobody has the token.
func (h *tokenHash) is(kept *tokenHash) bool {
	return subtle.ConstantTimeCompare(h[:], kept[:]) == 1 && *kept != tokenHash{}
}

// alias stands for the hash where versions up to 3 of a snapshot have the token itself. A program
// of such a version takes it for a token that nobody has; it must be as hard to guess as one.
func (h *tokenHash) alias() (a secret) {
	for i := range a {
		a[i] = h[i] ^ h[i+len(a)]
	}
	return a
}

// appendHashes appends the hashes of all tokens of the room, in any order.
func (r *Room) appendHashes(dst []byte) []byte {
	for _, s := range r.seats {
		dst = append(dst, s.token[:]...)
	}
	for i := range r.bans {
		dst = append(dst, r.bans[i].token[:]...)
	}
	return dst
}

func (r *Room) hasTokens() bool { return len(r.seats)+len(r.bans) > 0 }

// hashes reads what appendHashes has written.
func (in *reader) hashes() map[secret]tokenHash {
	if in.bad = in.bad || len(in.b) == 0; in.bad {
		return nil
	}
	hashes := make(map[secret]tokenHash)
	for len(in.b) > 0 && !in.bad {
		var hash tokenHash
		copy(hash[:], in.take(uint64(len(hash))))
		hashes[hash.alias()] = hash
	}
	return hashes
}

// token reads an alias or, as a program of an older version wrote it, a token. It is resolved once
// the whole snapshot has been read.
func (in *reader) token() (unresolved tokenHash) {
	copy(unresolved[:], in.take(protocol.TokenBytes))
	return unresolved
}

// resolveTokens replaces what token has read by the hashes. A token that a program of an older
// version wrote is hashed, and the room must be stored again, so that it goes from the store.
func (r *Room) resolveTokens(hashes map[secret]tokenHash) {
	resolve := func(token *tokenHash) {
		field := secret(token[:protocol.TokenBytes])
		hash, known := hashes[field]
		if !known {
			hash, r.hadTokens = hashOf(&field), true
		}
		*token = hash
	}
	for _, s := range r.seats {
		resolve(&s.token)
	}
	for i := range r.bans {
		resolve(&r.bans[i].token)
	}
}
