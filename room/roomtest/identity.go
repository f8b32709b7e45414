package roomtest

import (
	"fmt"
	"strings"
	"time"

	"usher/protocol"
	"usher/room"
)

// identity reads what a shell has verified: user=ID name=NAME role=ROLE create invited expires=TIME
// enter=TIME once=NAME since=this|earlier. Times are from now on.
func (r *Runner) identity(words []string) (*room.Identity, error) {
	who := &room.Identity{}
	r.trace.Accounts = true
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "user":
			who.UserID = value
		case "name":
			who.Name = strings.ReplaceAll(value, "+", " ")
		case "role":
			err, who.HasRole = who.Role.UnmarshalText([]byte(value)), true
		case "create":
			who.MayCreate = true
		case "invited":
			who.Invited = true
		case "expires":
			who.ExpiresAtMs, err = r.from(value)
		case "enter":
			who.EnterUntilMs, err = r.from(value)
		case "once":
			copy(who.Once[:], value)
		case "since":
			if who.RoomSinceMs = r.room.State().CreatedAt; value == "earlier" {
				who.RoomSinceMs--
			}
		default:
			err = fmt.Errorf("no %s in an identity", key)
		}
		if err != nil {
			return nil, err
		}
	}
	return who, nil
}

// from returns the time that is so much after now.
func (r *Runner) from(text string) (ms int64, err error) {
	d, err := time.ParseDuration(text)
	return r.nowMs + d.Milliseconds(), err
}

// invited keeps the message whose invite is to be read.
func (r *Runner) invited(event room.Event, number uint32) {
	if r.invites == nil {
		r.invites = map[room.ConnID]room.Event{}
	}
	event.Verdict = &room.Verdict{Number: number}
	r.invites[event.Conn] = event
}

// verified answers a Verify: by an identity, or by refused=CODE.
func (r *Runner) verified(id room.ConnID, words []string) (err error) {
	trace := r.current()
	trace.Kind, trace.Verdict = "verified", &room.Verdict{}
	if n := len(words) - 1; n >= 0 && strings.HasPrefix(words[n], "ref=") {
		trace.Verdict.Ref, words = words[n][len("ref="):], words[:n]
	}
	if len(words) == 1 && strings.HasPrefix(words[0], "refused=") {
		trace.Verdict.Refusal = protocol.Code(words[0][len("refused="):]).Lookup().Code
	} else if trace.Verdict.Identity, err = r.identity(words); err != nil {
		return err
	}
	event := room.Event{Kind: room.Verified, Conn: id, Verdict: trace.Verdict}
	if asked, ok := r.invites[id]; ok {
		delete(r.invites, id)
		event.Frame, event.Message, event.Secret, event.OwnerSecret = asked.Frame, asked.Message, asked.Secret, asked.OwnerSecret
		refuseSeat := r.refuseSeat
		r.refuseSeat = asked.RefuseSeat
		defer func() { r.refuseSeat = refuseSeat }()
		event.Verdict = &room.Verdict{Identity: trace.Verdict.Identity, Refusal: trace.Verdict.Refusal, Number: asked.Verdict.Number}
	}
	return r.step(event)
}

// theOperator is whose owner token that of an arranged room is.
const theOperator = "operator"

// arrange lets the operator create the room: name=NAME mode=MODE wait=TIME keep=TIME relay-only,
// and for its door entry=ENTRY passcode=PASSCODE max=N listed=true.
func (r *Runner) arrange(words []string) error {
	a := &room.Arrangement{}
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "name":
			a.Name = strings.ReplaceAll(value, "+", " ")
		case "mode":
			if value == protocol.FreeForAll.String() {
				a.Mode = protocol.FreeForAll
			}
		case "wait":
			a.AwaitedUntilMs, err = r.from(value)
		case "keep":
			a.KeepMs, err = r.from(value)
			a.KeepMs -= r.nowMs
		case "relay-only":
			a.RelayOnly = true
		case "passcode":
			a.Door.Passcode = []byte(value)
		default:
			err = doorOf(&a.Door, key, value)
		}
		if err != nil {
			return err
		}
	}
	r.current().Arrangement, r.trace.Accounts = a, true
	r.words[0] = "the-operator"
	event := room.Event{Kind: room.Arranged, Arrangement: a}
	if a.KeepMs > 0 {
		event.OwnerSecret = ownerSecret(theOperator)
		r.current().Secret = event.OwnerSecret[:]
	}
	if a.Door.Passcode != nil {
		event.Hash = r.hashed(event, &room.HashRequest{Passcode: a.Door.Passcode}).Hash
	}
	return r.step(event)
}
