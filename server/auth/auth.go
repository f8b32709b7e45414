package auth

import (
	"context"

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
}

// Required reports whether nobody is let in without a token, ticket or invite.
func (a *Auth) Required() bool { return a.Accounts != nil }

// GivesTickets reports whether there are accounts.
func (a *Auth) GivesTickets() bool { return a.Accounts != nil }

// TakesAPIKeys reports whether there are API keys.
func (a *Auth) TakesAPIKeys() bool { return a.Keys != nil }

// APIKey returns the name of an API key, "" if it is none.
func (a *Auth) APIKey(key string) (name string) {
	if a.Keys == nil {
		return ""
	}
	return a.Keys.Name(key)
}

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
