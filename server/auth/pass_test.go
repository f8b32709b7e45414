package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"usher/protocol"
	"usher/room"
)

func passes(secret byte, at time.Time) *Passes {
	return NewPasses([32]byte{secret}, func() time.Time { return at })
}

func TestTickets(t *testing.T) {
	who := room.Identity{UserID: "ann", Name: "Ann \u2028", Role: protocol.Viewer, HasRole: true, MayCreate: true, ExpiresAtMs: 12345}
	ticket, untilMs := passes(1, now).Ticket("room-1", &who)
	if untilMs != now.Add(TicketLife).UnixMilli() {
		t.Error(untilMs)
	}
	got, refusal := passes(1, now).ReadTicket("room-1", ticket) // on another node
	if refusal != nil {
		t.Fatal(verdict(refusal))
	}
	want := who
	if want.EnterUntilMs, want.Once = untilMs, got.Once; *got != want || got.Once == (room.PassID{}) {
		t.Errorf("%+v", got)
	}
	again, _ := passes(1, now).Ticket("room-1", &who)
	if other, _ := passes(1, now).ReadTicket("room-1", again); other.Once == got.Once {
		t.Error("two tickets are the same")
	}
	for name, test := range map[string]struct {
		passes       *Passes
		room, ticket string
		want         string
	}{
		"another room":   {passes(1, now), "room-2", ticket, "ROOM_NOT_ALLOWED"},
		"another server": {passes(2, now), "room-1", ticket, "INVALID_TICKET it was not issued by this server"},
		"too late":       {passes(1, now.Add(TicketLife)), "room-1", ticket, "INVALID_TICKET it has expired"},
		"cut":            {passes(1, now), "room-1", ticket[:len(ticket)-1], "INVALID_TICKET it was not issued by this server"},
		"empty":          {passes(1, now), "room-1", "..", "INVALID_TICKET it was not issued by this server"},
		"an invite":      {passes(1, now), "room-1", passes(1, now).Invite(Invite{RoomID: "room-1", UntilMs: 1 << 50}), "INVALID_TICKET it was not issued by this server"},
		"huge":           {passes(1, now), "room-1", strings.Repeat("a", 1<<20), "INVALID_TICKET it was not issued by this server"},
	} {
		if _, refusal := test.passes.ReadTicket(test.room, test.ticket); verdict(refusal) != test.want {
			t.Errorf("%s: %q, want %q", name, verdict(refusal), test.want)
		}
	}
}

func TestInvites(t *testing.T) {
	invite := passes(1, now).Invite(Invite{RoomID: "room-1", RoomSinceMs: 5, Role: protocol.Host, HasRole: true, UntilMs: 7, Once: true})
	// It has expired, which is for the room to say.
	who, refusal := passes(1, now).ReadInvite("room-1", invite)
	if refusal != nil || !who.Invited || who.UserID != "" || who.MayCreate || who.Role != protocol.Host || who.RoomSinceMs != 5 ||
		who.EnterUntilMs != 7 || who.Once == (room.PassID{}) {
		t.Errorf("%+v, %s", who, verdict(refusal))
	}
	open := passes(1, now).Invite(Invite{RoomID: "room-1", UntilMs: 7})
	if who, _ := passes(1, now).ReadInvite("room-1", open); who.HasRole || who.Once != (room.PassID{}) {
		t.Errorf("%+v", who)
	}
	ticket, _ := passes(1, now).Ticket("room-1", &room.Identity{UserID: "ann"})
	for name, test := range map[string]struct{ room, invite, want string }{
		"another room": {"room-2", invite, "INVALID_INVITE it is for another room"},
		"cut":          {"room-1", invite[:40], "INVALID_INVITE it was not issued by this server, or a part of it is missing"},
		"a ticket":     {"room-1", ticket, "INVALID_INVITE it was not issued by this server, or a part of it is missing"},
	} {
		if _, refusal := passes(1, now).ReadInvite(test.room, test.invite); verdict(refusal) != test.want {
			t.Errorf("%s: %q, want %q", name, verdict(refusal), test.want)
		}
	}
}

// A token of the operator's is no ticket, and a ticket no token, even if the operator chose the
// store's secret as the key.
func TestKindsAreNotMixedUp(t *testing.T) {
	secret := [32]byte{1}
	a := &Auth{Passes: NewPasses(secret, nil), Accounts: open(t, Config{KeyFile: file(t, []byte(hex.EncodeToString(secret[:])))})}
	ticket, _ := a.Ticket("room-1", &room.Identity{UserID: "ann"})
	token := signed(jose.HS256, []byte(hex.EncodeToString(secret[:])), claims(nil))
	for want, c := range map[string]Credentials{
		"INVALID_TOKEN its signature is not that of the key":                          {Token: ticket},
		"INVALID_TICKET it was not issued by this server":                             {Ticket: token},
		"INVALID_INVITE it was not issued by this server, or a part of it is missing": {Invite: token},
	} {
		if _, refusal := a.Identify(t.Context(), "room-1", c); verdict(refusal) != want {
			t.Errorf("%q, want %q", verdict(refusal), want)
		}
	}
	if _, refusal := a.Identify(t.Context(), "room-1", Credentials{Token: token}); refusal != nil {
		t.Error(verdict(refusal))
	}
	if who, refusal := a.Identify(t.Context(), "room-1", Credentials{}); who != nil || refusal != nil {
		t.Error(who, refusal)
	}
	a.Accounts = nil
	if _, refusal := a.Identify(t.Context(), "room-1", Credentials{Token: token}); verdict(refusal) != "INVALID_TOKEN this server has no accounts" {
		t.Error(verdict(refusal))
	}
}

func TestAPIKeys(t *testing.T) {
	key, hash := NewAPIKey()
	sum := sha256.Sum256([]byte(key))
	if hash != hex.EncodeToString(sum[:]) || !strings.HasPrefix(key, "usher_") || len(key) < 40 {
		t.Error(key, hash)
	}
	keys, err := OpenAPIKeys(file(t, []byte("# programs\n\nshop "+hash+" # the shop\nother "+strings.Repeat("00", 32)+"\n")))
	if err != nil {
		t.Fatal(err)
	}
	for candidate, name := range map[string]string{key: "shop", "": "", hash: "", key + "x": "", "other": ""} {
		if got, scopes := keys.Find(candidate); got != name || (name != "") != (scopes == ScopeRooms) {
			t.Errorf("%q is the key of %q", candidate, got)
		}
	}
	for content, want := range map[string]string{
		"":                                   "has no key",
		"shop":                               ":1: a line is NAME SHA256",
		"\nshop " + key:                      ":2: the second word must be a SHA-256 in hexadecimal; was the key itself put there?",
		"shop " + hash[2:]:                   ":1: the second word must be a SHA-256",
		"shop a b " + hash:                   ":1: a line is NAME SHA256",
		strings.Repeat("s", 65) + " " + hash: ":1: a name has at most 64 bytes",
		"shop " + hash + " read,all":         `:1: "all" is not a scope: the scopes are read, rooms, moderate, admin`,
	} {
		if _, err := OpenAPIKeys(file(t, []byte(content))); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), key) {
			t.Errorf("%q: %v", content, err)
		}
	}
	if _, err := OpenAPIKeys("/nowhere"); !os.IsNotExist(err) {
		t.Error(err)
	}
}
