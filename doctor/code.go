package doctor

import "fmt"

// advice is what to do about a refusal of usher, and how bad it is: a server that asks for what
// doctor was not given is a Warn.
type advice struct {
	grade Grade
	do    string
}

const (
	withTrust = ", or --trusted-proxy with the proxy's address, if all clients seem to come from there"
	// noAccounts is what a server without accounts says of a token.
	noAccounts = "this server has no accounts"
	wantsPass  = "give doctor what your clients have: --token, --ticket or --invite"
)

var adviceFor = map[string]advice{
	"AUTH_REQUIRED":        {Warn, wantsPass},
	"CREATE_NOT_ALLOWED":   {Warn, "give doctor a token with the claim create, or --room ROOM with one that exists"},
	"NO_HOST":              {Warn, "give doctor a token or an invite for a host"},
	"PASSCODE_REQUIRED":    {Warn, "--passcode"},
	"WRONG_PASSCODE":       {Warn, "--passcode with the right one"},
	"ROOM_LOCKED":          {Warn, "another --room, or none"},
	"ROOM_NOT_ALLOWED":     {Warn, "--room ROOM with one that the token is for"},
	"INVALID_TOKEN":        {Fail, "does the token have the issuer, audience and key that the server wants? See operate.md, Accounts and invites"},
	"TOKEN_EXPIRED":        {Fail, "make a new token, and compare the clocks"},
	"INVALID_TICKET":       {Fail, "a ticket is good for 30 s: make a new one"},
	"TICKET_USED":          {Fail, "a ticket is for one seat: make a new one"},
	"INVALID_INVITE":       {Fail, "--room with the invite's room; it ends with its room"},
	"INVITE_EXPIRED":       {Fail, "make a new invite"},
	"INVITE_USED":          {Fail, "make a new invite"},
	"AUTH_UNAVAILABLE":     {Fail, "the server cannot fetch its key set: --auth-jwks, and its log"},
	"ORIGIN_NOT_ALLOWED":   {Fail, "does a proxy add an Origin? Otherwise --allow-origin"},
	"ROOM_NOT_FOUND":       {Fail, "--room with a room that exists, or without --room"},
	"ROOM_FULL":            {Fail, "raise --max-people of the server, or the room's own bound, or take another --room"},
	"ROOM_BUSY":            {Fail, "raise --room-request-burst of the server, or try again"},
	"SERVER_FULL":          {Fail, "the server is near its memory: raise --max-memory, or give it more"},
	"STORAGE_UNAVAILABLE":  {Fail, "the server's disk takes no changes: look at its log"},
	"DRAINING":             {Fail, "the server is about to stop: try again when it is back"},
	"ROOM_UNAVAILABLE":     {Fail, "the node that owns the room does not respond: usher cluster status"},
	"RATE_LIMITED":         {Fail, "raise --address-request-burst and --address-join-burst" + withTrust},
	"TOO_MANY_CONNECTIONS": {Fail, "raise --max-connections-per-address" + withTrust},
	"TOO_MANY_ROOMS":       {Fail, "raise --max-rooms-per-address" + withTrust},
	"ICE_UNAVAILABLE":      {Fail, "the provider of TURN credentials does not respond: look at the server's log"},
	"USER_ID_TAKEN":        {Fail, "somebody with the token's user id is in the room: use a token of an account that only doctor has"},
	"NOT_FOUND":            {Fail, "is this the server's path?"},
}

// refused turns a code of usher into a finding.
func refused(check, what, code, sentence, details string) Finding {
	a, ok := adviceFor[code]
	if !ok {
		a = advice{Fail, "look at the server's log"}
	}
	if details == noAccounts {
		a.do = "leave --token out: whoever knows a room's id may enter"
	}
	found := fmt.Sprintf("%s: %s (%s)", what, code, printable(sentence))
	if details != "" {
		found = fmt.Sprintf("%s: %s (%s; %s)", what, code, printable(sentence), printable(details))
	}
	return Finding{Check: check, Grade: a.grade, Found: found, Do: a.do}
}

// refusal is a response of HTTP as a finding.
func refusal(check string, r *response) Finding {
	if s := r.read(); s.Code != "" {
		return refused(check, "the server refuses", s.Code, s.Error, s.Details)
	}
	return failure(check, "look at the log of the server, and of the proxy", "%s", printable(r.Status))
}
