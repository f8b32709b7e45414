package auth

import (
	"context"
	"errors"
	"fmt"

	"usher/protocol"
	"usher/room"
)

// Credentials are what somebody shows; at most one of them is set.
type Credentials struct{ Token, Ticket, Invite string }

// Auth is everything that a server knows of who people are. Accounts and Keys may be nil.
type Auth struct {
	*Passes
	Accounts *Accounts
	Keys     *APIKeys
	// Admin opens everything. It may be nil.
	Admin *AdminToken
}

// Required reports whether nobody is let in without a token, ticket or invite.
func (a *Auth) Required() bool { return a.Accounts != nil }

// GivesTickets reports whether there are accounts.
func (a *Auth) GivesTickets() bool { return a.Accounts != nil }

// Issue makes a token of an account, or returns ErrNoPrivateKey.
func (a *Auth) Issue(claims *Claims) (string, error) {
	if a.Accounts == nil {
		return "", ErrNoPrivateKey
	}
	return a.Accounts.Issue(claims)
}

// AdminName is what whoever has the admin token is called in logs.
const AdminName = "admin"

// Operator returns the name of whoever has an API key or the admin token, and what it allows, "" if
// it is neither.
func (a *Auth) Operator(key string) (name string, scopes Scopes) {
	switch {
	case a.Admin.Is(key):
		return AdminName, AllScopes
	case a.Keys != nil:
		return a.Keys.Find(key)
	}
	return "", 0
}

// Reload reads the API keys and the admin token again: a key that is no longer there opens nothing.
func (a *Auth) Reload() (err error) {
	if a.Keys != nil {
		if failed := a.Keys.Reload(); failed != nil {
			err = fmt.Errorf("api-key-file: %w", failed)
		}
	}
	if a.Admin != nil {
		if failed := a.Admin.Reload(); failed != nil {
			err = errors.Join(err, fmt.Errorf("admin-token-file: %w", failed))
		}
	}
	return err
}

// HasOperators reports whether there are API keys, or an admin token.
func (a *Auth) HasOperators() bool { return a.Keys != nil || a.Admin != nil }

// Identify returns what credentials say about somebody who wants into a room, nil for none.
func (a *Auth) Identify(ctx context.Context, roomID string, c Credentials) (*room.Identity, *Refusal) {
	switch {
	case c.Invite != "":
		return a.ReadInvite(roomID, c.Invite)
	case a.Accounts == nil && (c.Token != "" || c.Ticket != ""):
		return nil, refuse(protocol.CodeInvalidToken, "this server has no accounts")
	case c.Ticket != "":
		return a.ReadTicket(roomID, c.Ticket)
	case c.Token != "":
		return a.Accounts.Verify(ctx, roomID, c.Token)
	}
	return nil, nil
}
