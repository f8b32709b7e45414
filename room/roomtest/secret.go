package roomtest

import (
	"encoding/base64"

	"usher/protocol"
)

// secret is what the server draws for a connection of a transcript: its name.
func secret(name string) (s [protocol.TokenBytes]byte) {
	copy(s[:], name+"-secret-secret-secret")
	return s
}

func ownerSecret(name string) (s [protocol.TokenBytes]byte) {
	copy(s[:], name+"-owner-owner-owner")
	return s
}

// token is the token that the field has of a connection: the owner's, or that of a seat.
func token(field, name string) string {
	s := secret(name)
	if field == "ownerToken" {
		s = ownerSecret(name)
	}
	return base64.RawURLEncoding.EncodeToString(s[:])
}
