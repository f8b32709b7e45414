package auth

import "usher/protocol"

// Refusal says why somebody is not let in. It repeats nothing of a token.
type Refusal struct {
	Code    protocol.Code
	Details string
}

func refuse(code protocol.Code, details string) *Refusal { return &Refusal{code, details} }
