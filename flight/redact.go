package flight

import (
	"slices"
	"strings"
	"unicode"

	"usher/protocol"
	"usher/room"
)

// redaction makes the placeholders of a dump.
type redaction struct {
	*key
	users, rooms idTree
	addresses    map[uint64]uint64
}

// idTree gives ids placeholders of the same length and in the same order. It is a tree of their
// bytes: the children of a node get the first letters that there are.
type idTree struct {
	children map[byte]*idTree
	letters  map[byte]byte
}

// letters of ids, in the order of their bytes. Those of rooms have no . and no :
const (
	roomLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz-"
	userLetters = "-.0123456789:ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
	// plainLetters are enough for most nodes, and easier to read.
	plainLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

func (t *idTree) add(id string) {
	for i := range len(id) {
		if t.children == nil {
			t.children = make(map[byte]*idTree)
		}
		next := t.children[id[i]]
		if next == nil {
			next = new(idTree)
			t.children[id[i]] = next
		}
		t = next
	}
}

// settle chooses the letters, once all ids are known.
func (t *idTree) settle(all string) {
	var used []byte
	for c := range t.children {
		used = append(used, c)
	}
	slices.Sort(used)
	letters := plainLetters
	if len(used) > len(letters) {
		letters = all
	}
	t.letters = make(map[byte]byte)
	for i, c := range used {
		t.letters[c] = letters[i]
		if len(used) == 1 {
			t.letters[c] = 'x'
		}
		t.children[c].settle(all)
	}
}

func (t *idTree) placeholder(id string) string {
	b := make([]byte, 0, len(id))
	for i := range len(id) {
		c, ok := t.letters[id[i]]
		if !ok {
			return text(id) // the id of nobody who matters
		}
		b, t = append(b, c), t.children[id[i]]
	}
	return string(b)
}

// newRedaction knows all ids of a recording.
func newRedaction(k *key, at *room.Room, entries []Entry) *redaction {
	r := &redaction{key: k, addresses: make(map[uint64]uint64)}
	r.rooms.add(at.ID())
	at.KnownUserIDs(r.users.add)
	for i := range entries {
		e := &entries[i]
		if m := e.Message; m != nil {
			r.users.add(m.UserID)
			if m.TargetUserID != nil {
				r.users.add(*m.TargetUserID)
			}
			if m.RoomID != nil {
				r.rooms.add(*m.RoomID)
			}
		}
		for _, who := range []*room.Identity{e.Identity, e.verified()} {
			if who != nil {
				r.users.add(who.UserID)
			}
		}
		if e.Act != nil {
			r.users.add(e.Act.UserID)
		}
	}
	r.users.settle(userLetters)
	r.rooms.settle(roomLetters)
	return r
}

func (e *Entry) verified() *room.Identity {
	if e.Verdict == nil {
		return nil
	}
	return e.Verdict.Identity
}

func (r *redaction) RoomID(id string) string    { return r.rooms.placeholder(id) }
func (r *redaction) UserID(id string) string    { return r.users.placeholder(id) }
func (r *redaction) Name(name string) string    { return text(name) }
func (r *redaction) Text(written string) string { return text(written) }
func (r *redaction) Address(address uint64) uint64 {
	if address == 0 {
		return 0
	}
	known, ok := r.addresses[address]
	if !ok {
		known = uint64(len(r.addresses) + 1)
		r.addresses[address] = known
	}
	return known
}

// text replaces letters and digits by others that take as many bytes, as UTF-8 and in JSON, and as
// many UTF-16 code units. What is neither stays: it decides whether a name is valid.
func text(written string) string {
	if written == "" {
		return ""
	}
	var b strings.Builder
	for i, r := range written {
		_, displays := protocol.TrimName(string(r), protocol.MaxJoinNameUnits)
		switch size := len(string(r)); {
		case r == unicode.ReplacementChar && !strings.HasPrefix(written[i:], string(r)):
			b.WriteByte(written[i])
		case !displays || !unicode.In(r, unicode.L, unicode.N, unicode.S):
			b.WriteRune(r)
		case size == 1 && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteByte('x')
		case size == 1:
			b.WriteRune(r)
		default:
			b.WriteRune([...]rune{2: 'ж', 3: '字', 4: '🙂'}[size])
		}
	}
	return b.String()
}

func replace(field *string, by func(string) string) {
	if field != nil {
		*field = by(*field)
	}
}

// entry puts the placeholders in.
func (r *redaction) entry(e *Entry) {
	e.Address = r.Address(e.Address)
	if m := e.Message; m != nil {
		replace(m.RoomID, r.RoomID)
		replace(&m.UserID, r.UserID)
		replace(m.TargetUserID, r.UserID)
		for _, field := range []*string{&m.Ref, &m.UserName, &m.RoomName, &m.Reason, &m.URL} {
			replace(field, text)
		}
	}
	if e.Refused != nil {
		e.Refused.Details = text(e.Refused.Details)
	}
	if e.Identity != nil {
		who := e.Identity.Redacted(r)
		e.Identity = &who
	}
	if v := e.Verdict; v != nil {
		v.Details, v.Ref = text(v.Details), text(v.Ref)
		if v.Identity != nil {
			who := v.Identity.Redacted(r)
			v.Identity = &who
		}
	}
	if e.Arrangement != nil {
		e.Arrangement.Name = text(e.Arrangement.Name)
	}
	if a := e.Act; a != nil {
		a.UserID, a.Text, a.Actor = r.UserID(a.UserID), text(a.Text), text(a.Actor)
	}
}
